"""The arithmetic of an entry spelled out, to be checked by hand, and whether it holds.

Points come from the slip and the policy alone; what an entry keeps in `metadata.calc` is enough
to reckon them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from loyalty_worker.domain.theo import LoyaltyPolicy, exact_theo, points, round_half_away

_SHOWN_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A calculation in one line, and whether it gives the points of the entry."""

    text: str
    holds: bool


def accrual_arithmetic(calc: Mapping[str, Any], points_delta: int) -> Arithmetic:
    """Spell out `loyalty_points_v1` with the inputs that a base accrual keeps."""
    bet, seconds = Decimal(calc["average_bet"]), int(calc["duration_seconds"])
    policy = LoyaltyPolicy(
        Decimal(calc["house_edge"]),
        Decimal(calc["decisions_per_hour"]),
        Decimal(calc["points_conversion_rate"]),
    )
    theo = exact_theo(bet, seconds, policy)
    product = theo * Fraction(policy.points_conversion_rate)
    text = (
        f"bet {bet} × edge {policy.house_edge} % × {policy.decisions_per_hour} decisions/h"
        f" × {seconds} s ÷ 3600 = theo {_decimal(theo)};"
        f" × {policy.points_conversion_rate} = {_rounded(product)}"
    )
    return Arithmetic(text, points(bet, seconds, policy) == points_delta)


def promotion_arithmetic(
    calc: Mapping[str, Any], base_points: int | None, points_delta: int
) -> Arithmetic:
    """Spell out a promotion: `multiplier` on the base points (None: unknown), or `bonus`."""
    if calc.get("bonus") is not None:
        return Arithmetic(f"bonus {calc['bonus']}", int(calc["bonus"]) == points_delta)
    if calc.get("multiplier") is None or base_points is None:
        return Arithmetic("the entry does not say by what terms", holds=False)
    product = base_points * Fraction(Decimal(calc["multiplier"]))
    extra = round_half_away(product) - base_points
    text = f"base {base_points} × {calc['multiplier']} = {_rounded(product)}"
    return Arithmetic(f"{text}; - base {base_points} = {extra}", extra == points_delta)


def reversal_arithmetic(reversed_points: int, points_delta: int) -> Arithmetic:
    """Spell out a reversal: the exact opposite."""
    return Arithmetic(f"- ({reversed_points:+d})", points_delta == -reversed_points)


def balance_arithmetic(before: int, points_delta: int, after: int) -> Arithmetic:
    """Spell out how an entry moves the balance."""
    sign = "-" if points_delta < 0 else "+"
    text = f"balance {before} {sign} {abs(points_delta)} = {before + points_delta}"
    return Arithmetic(text, before + points_delta == after)


def _rounded(value: Fraction) -> str:
    whole = round_half_away(value)
    exact = _decimal(value)
    return exact if value == whole else f"{exact} → {whole}"


def _decimal(value: Fraction) -> str:
    """Write a number that is not negative with all its decimals; `…` where they are cut off."""
    scaled = value * 10**_SHOWN_DECIMALS
    whole, fraction = divmod(scaled.numerator // scaled.denominator, 10**_SHOWN_DECIMALS)
    decimals = f"{whole}.{fraction:0{_SHOWN_DECIMALS}}"
    return decimals.rstrip("0").rstrip(".") if scaled.denominator == 1 else f"{decimals}…"
