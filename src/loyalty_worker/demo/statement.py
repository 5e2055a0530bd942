"""A player's statement, with the arithmetic of its entries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg

from loyalty_worker.domain.arithmetic import Arithmetic, accrual_arithmetic

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
    """One entry."""

    entry_no: int
    closed_at: datetime
    game: str
    points: int
    balance_after: int
    arithmetic: Arithmetic

    @property
    def tells(self) -> tuple[bool, bool]:
        """How much its arithmetic shows: rounding, and numbers that are written in full."""
        return "→" in self.arithmetic.text, "…" not in self.arithmetic.text


@dataclass(frozen=True, slots=True)
class Statement:
    """The newest entries of one player at a casino, newest first; at least one."""

    casino: str
    lines: Sequence[Line]

    @property
    def telling_line(self) -> Line:
        """The entry whose arithmetic shows most."""
        return max(self.lines, key=lambda line: line.tells)


async def read_statement(reader: asyncpg.Connection, limit: int) -> Statement | None:
    """Return a statement of at most `limit` entries; None for an empty ledger."""
    rows = await reader.fetch(_STATEMENT, limit)
    return Statement(rows[0]["casino"], [_line(row) for row in rows]) if rows else None


def _line(row: asyncpg.Record) -> Line:
    return Line(
        entry_no=row["entry_no"],
        closed_at=row["occurred_at"],
        game=row["game_type"],
        points=row["points_delta"],
        balance_after=row["balance_after"],
        arithmetic=accrual_arithmetic(
            json.loads(row["calc"], parse_float=Decimal), row["points_delta"]
        ),
    )
