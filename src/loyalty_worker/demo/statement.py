"""A player's statement, and the arithmetic of one entry spelled out to be checked by hand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

import asyncpg

from loyalty_worker.domain.theo import LoyaltyPolicy, exact_theo

_SHOWN_DECIMALS: Final = 6
# The player with the most entries has the most to show.
_STATEMENT: Final = (
    "SELECT c.name AS casino, l.entry_no, l.occurred_at, s.game_type, l.points_delta,"
    " l.balance_after, l.metadata -> 'calc' AS calc"
    " FROM (SELECT casino_id, player_id FROM player_loyalty"
    " ORDER BY entry_count DESC, casino_id, player_id LIMIT 1) AS p"
    " JOIN loyalty_ledger AS l ON l.casino_id = p.casino_id AND l.player_id = p.player_id"
    " JOIN rating_slip AS s ON s.casino_id = l.casino_id AND s.id = l.rating_slip_id"
    " JOIN casino AS c ON c.id = l.casino_id"
    " ORDER BY l.entry_no DESC LIMIT $1"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; `bet`, `seconds` and `policy` are what the ledger keeps to explain it."""

    entry_no: int
    closed_at: datetime
    game: str
    points: int
    balance_after: int
    bet: Decimal
    seconds: int
    policy: LoyaltyPolicy

    @property
    def exact_points(self) -> Fraction:
        """The points before they are rounded."""
        theo = exact_theo(self.bet, self.seconds, self.policy)
        return theo * Fraction(self.policy.points_conversion_rate)


@dataclass(frozen=True, slots=True)
class Statement:
    """The newest entries of one player at a casino, newest first."""

    casino: str
    lines: Sequence[Line]

    @property
    def telling_line(self) -> Line:
        """The entry that shows most: rounded, of numbers that can be written in full."""
        return max(self.lines, key=_tells)


async def read_statement(reader: asyncpg.Connection, limit: int) -> Statement | None:
    """Return a statement of at most `limit` entries; None for an empty ledger."""
    rows = await reader.fetch(_STATEMENT, limit)
    return Statement(rows[0]["casino"], [_line(row) for row in rows]) if rows else None


def _line(row: asyncpg.Record) -> Line:
    calc = json.loads(row["calc"], parse_float=Decimal)
    return Line(
        entry_no=row["entry_no"],
        closed_at=row["occurred_at"],
        game=row["game_type"],
        points=row["points_delta"],
        balance_after=row["balance_after"],
        bet=Decimal(calc["average_bet"]),
        seconds=calc["duration_seconds"],
        policy=LoyaltyPolicy(
            Decimal(calc["house_edge"]),
            Decimal(calc["decisions_per_hour"]),
            Decimal(calc["points_conversion_rate"]),
        ),
    )


def spell_out(line: Line) -> str:
    """Return the entry's arithmetic, step by step."""
    policy = line.policy
    theo = exact_theo(line.bet, line.seconds, policy)
    return (
        f"bet {line.bet:,.2f} × edge {policy.house_edge} % × {policy.decisions_per_hour}"
        f" decisions/h × {line.seconds:,} s ÷ 3,600 = theo {_decimals(theo)};"
        f" × {policy.points_conversion_rate} points = {_decimals(line.exact_points)}"
        f" → {line.points:,} points (half away from zero)"
    )


def _tells(line: Line) -> tuple[bool, bool]:
    return line.exact_points.denominator != 1, "…" not in spell_out(line)


def _decimals(value: Fraction) -> str:
    """Write a number that is not negative with all its decimals; `…` where they are cut off."""
    scaled = value * 10**_SHOWN_DECIMALS
    whole, fraction = divmod(scaled.numerator // scaled.denominator, 10**_SHOWN_DECIMALS)
    decimals = f"{fraction:0{_SHOWN_DECIMALS}}"
    if scaled.denominator != 1:
        return f"{whole:,}.{decimals}…"
    return f"{whole:,}.{decimals}".rstrip("0").rstrip(".")
