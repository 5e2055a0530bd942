from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_worker.domain.theo import LoyaltyPolicy, exact_theo, points


def policy(rate: str) -> LoyaltyPolicy:
    return LoyaltyPolicy(Decimal("1.5"), Decimal(70), Decimal(rate))


@pytest.mark.parametrize(
    ("bet", "seconds", "rate", "theo", "earned"),
    [
        ("100", 7200, "10", "210", 2100),
        ("50", 1800, "10", "26.25", 263),
        ("100", 1200, "0.1", "35", 4),
    ],
)
def test_the_anchor_values_hold(bet: str, seconds: int, rate: str, theo: str, earned: int) -> None:
    assert exact_theo(Decimal(bet), seconds, policy(rate)) == Fraction(theo)
    assert points(Decimal(bet), seconds, policy(rate)) == earned


amounts = st.decimals(0, 999_999_999, places=4)
rates = st.decimals(0, 1_000_000, places=6)
durations = st.integers(0, 2_678_400)


@given(amounts, rates, rates, rates, durations)
def test_points_are_the_nearest_whole_number_and_half_rounds_up(
    bet: Decimal, edge: Decimal, decisions: Decimal, rate: Decimal, seconds: int
) -> None:
    earned = points(bet, seconds, LoyaltyPolicy(edge, decisions, rate))
    exact = Fraction(bet) * Fraction(edge) * Fraction(decisions) * Fraction(rate) * seconds / 360000
    assert -Fraction(1, 2) < earned - exact <= Fraction(1, 2)


@given(amounts, rates, rates, rates, durations)
def test_points_equal_the_published_integer_formula(
    bet: Decimal, edge: Decimal, decisions: Decimal, rate: Decimal, seconds: int
) -> None:
    n = Fraction(bet) * Fraction(edge) * Fraction(decisions) * seconds * Fraction(rate)
    expected = (2 * n + 360000) // 720000
    assert points(bet, seconds, LoyaltyPolicy(edge, decisions, rate)) == expected


def test_a_negative_theo_earns_nothing() -> None:
    assert exact_theo(Decimal(-100), 7200, policy("10")) == 0
    assert points(Decimal(100), 7200, policy("-10")) == 0
