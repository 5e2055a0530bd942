"""Arithmetic spelled out: the anchors of the specification, and numbers that do not fit."""

from decimal import Decimal
from typing import Any

import pytest

from loyalty_worker.domain.arithmetic import (
    accrual_arithmetic,
    balance_arithmetic,
    promotion_arithmetic,
    reversal_arithmetic,
)


def calc(**inputs: object) -> dict[str, Any]:
    return {
        "average_bet": Decimal("125.00"),
        "house_edge": Decimal("1.5"),
        "decisions_per_hour": 70,
        "duration_seconds": 5400,
        "points_conversion_rate": 10,
    } | inputs


@pytest.mark.parametrize(
    ("inputs", "points", "text"),
    [
        (
            calc(),
            1969,
            (
                "bet 125.00 × edge 1.5 % × 70 decisions/h × 5400 s ÷ 3600 = theo 196.875;"
                " × 10 = 1968.75 → 1969"
            ),
        ),
        (
            calc(average_bet=100, duration_seconds=7200),
            2100,
            "bet 100 × edge 1.5 % × 70 decisions/h × 7200 s ÷ 3600 = theo 210; × 10 = 2100",
        ),
        (
            calc(average_bet=100, duration_seconds=1200, points_conversion_rate=Decimal("0.1")),
            4,
            "bet 100 × edge 1.5 % × 70 decisions/h × 1200 s ÷ 3600 = theo 35; × 0.1 = 3.5 → 4",
        ),
        (
            calc(average_bet="100", duration_seconds=7, decisions_per_hour="70"),
            2,
            (
                "bet 100 × edge 1.5 % × 70 decisions/h × 7 s ÷ 3600 = theo 0.204166…;"
                " × 10 = 2.041666… → 2"
            ),
        ),
    ],
)
def test_an_accrual_is_spelled_out_from_facts_to_points(
    inputs: dict[str, Any], points: int, text: str
) -> None:
    shown = accrual_arithmetic(inputs, points)
    assert shown.text == text
    assert shown.holds


def test_points_that_the_facts_do_not_give_do_not_hold() -> None:
    assert not accrual_arithmetic(calc(), 1968).holds


@pytest.mark.parametrize(
    ("terms", "points", "text"),
    [
        ({"multiplier": Decimal("1.5")}, 1050, "base 2100 × 1.5 = 3150; - base 2100 = 1050"),
        (
            {"multiplier": Decimal("1.0005")},
            1,
            "base 2100 × 1.0005 = 2101.05 → 2101; - base 2100 = 1",
        ),
        ({"multiplier": 1}, 0, "base 2100 × 1 = 2100; - base 2100 = 0"),
        ({"bonus": 500}, 500, "bonus 500"),
        ({"bonus": 500, "multiplier": None}, 500, "bonus 500"),
    ],
)
def test_a_promotion_is_spelled_out_by_its_terms(
    terms: dict[str, Any], points: int, text: str
) -> None:
    shown = promotion_arithmetic(terms, 2100, points)
    assert shown.text == text
    assert shown.holds
    assert not promotion_arithmetic(terms, 2100, points + 1).holds


@pytest.mark.parametrize(("terms", "base"), [({}, 2100), ({"multiplier": 2}, None)])
def test_a_promotion_without_terms_or_base_does_not_hold(
    terms: dict[str, Any], base: int | None
) -> None:
    assert not promotion_arithmetic(terms, base, 0).holds


def test_a_reversal_is_the_exact_opposite() -> None:
    assert reversal_arithmetic(2100, -2100).text == "- (+2100)"
    assert reversal_arithmetic(-300, 300).holds
    assert not reversal_arithmetic(2100, -2099).holds


def test_a_balance_moves_by_the_points_and_may_fall_below_zero() -> None:
    assert balance_arithmetic(300, -500, -200).text == "balance 300 - 500 = -200"
    assert balance_arithmetic(300, 0, 300).holds
    assert not balance_arithmetic(300, 1, 300).holds
