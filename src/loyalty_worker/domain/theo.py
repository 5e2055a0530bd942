"""The formula `loyalty_points_v1` in exact arithmetic, for previews and tests only.

The ledger's points come from the SQL function of the same name; this reference must agree with it
on every input.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_SECONDS_PER_HOUR = 3600
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class LoyaltyPolicy:
    """The frozen policy's inputs: `house_edge` in percent, the rate in points per unit of theo."""

    house_edge: Decimal
    decisions_per_hour: Decimal
    points_conversion_rate: Decimal


def exact_theo(average_bet: Decimal, duration_seconds: int, policy: LoyaltyPolicy) -> Fraction:
    """Return the theoretical win, unrounded; zero where a negative input makes it negative."""
    product = (
        Fraction(average_bet)
        * Fraction(policy.house_edge)
        * Fraction(policy.decisions_per_hour)
        * duration_seconds
    )
    return max(product / (_PERCENT * _SECONDS_PER_HOUR), Fraction(0))


def points(average_bet: Decimal, duration_seconds: int, policy: LoyaltyPolicy) -> int:
    """Return the points earned, rounded half away from zero."""
    theo = exact_theo(average_bet, duration_seconds, policy)
    return round_half_away(max(theo * Fraction(policy.points_conversion_rate), Fraction(0)))


def round_half_away(value: Fraction) -> int:
    """Round half away from zero a value that is not negative."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
