"""The formula against its anchor values and against exact fractions."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from sqlslips import Connection

_FORMULA = "SELECT theo, points FROM loyalty_points_v1($1, $2, $3, $4, $5)"


@pytest.mark.parametrize(
    ("bet", "seconds", "rate", "theo", "points"),
    [
        ("100", 7200, "10", "210", 2100),
        ("50", 1800, "10", "26.25", 263),  # 262.5 rounds up
        ("100", 1200, "0.1", "35", 4),  # 3.5; dividing 1200 by 3600 first gives 3
        ("0", 7200, "10", "0", 0),
        ("100", 0, "10", "0", 0),
        ("-100", 7200, "10", "-210", 0),
        ("100", 7200, "0", "210", 0),
        ("0.0001", 1, "0.000001", "0", 0),
    ],
)
async def test_the_formula_gives_the_anchor_values(
    readonly: Connection, *, bet: str, seconds: int, rate: str, theo: str, points: int
) -> None:
    arguments = (Decimal(bet), Decimal("1.5"), Decimal(70), seconds, Decimal(rate))
    row = await readonly.fetchrow(_FORMULA, *arguments)
    assert row is not None
    assert tuple(row) == (Decimal(theo), points)


async def test_the_formula_agrees_with_exact_fractions_on_random_and_on_half_way_inputs(
    readonly: Connection,
) -> None:
    rng = random.Random(42)
    cases = [_case(rng) for _ in range(2000)]
    # n = 360000 * (k + 1/2): exactly half a point more than k
    cases += [(Decimal(2 * k + 1), Decimal(5), Decimal(1), 3600, Decimal(10)) for k in range(200)]
    halves = 0
    rows = await readonly.fetch(
        "SELECT f.theo, f.points FROM unnest($1::numeric[], $2::numeric[], $3::numeric[],"
        " $4::bigint[], $5::numeric[]) WITH ORDINALITY AS c (b, e, d, s, r, n)"
        " CROSS JOIN LATERAL loyalty_points_v1(c.b, c.e, c.d, c.s, c.r) AS f ORDER BY c.n",
        *(list(column) for column in zip(*cases, strict=True)),
    )
    for (bet, edge, decisions, seconds, rate), (theo, points) in zip(cases, rows, strict=True):
        exact_theo = Fraction(bet) * Fraction(edge) * Fraction(decisions) * seconds / 360_000
        exact = exact_theo * Fraction(rate)
        halves += exact % 1 == Fraction(1, 2)
        assert points == (2 * exact + 1) // 2
        assert abs(Fraction(theo) - exact_theo) <= Fraction(1, 20_000)
    assert halves >= 200


def _case(rng: random.Random) -> tuple[Decimal, Decimal, Decimal, int, Decimal]:
    return (
        Decimal(rng.randrange(10**13)).scaleb(-4),
        Decimal(rng.randrange(10**8)).scaleb(-6),
        Decimal(rng.randrange(10**8)).scaleb(-4),
        rng.randrange(2_678_400),
        Decimal(rng.randrange(10**12)).scaleb(-6),
    )
