"""A player's statement, with the arithmetic of its entries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg

from loyalty_worker.domain.arithmetic import Arithmetic, accrual_arithmetic, promotion_arithmetic

# The player with base and promotion entries among the newest has the most to show.
_STATEMENT: Final = (
    "SELECT c.name AS casino, l.entry_no, l.occurred_at, s.game_type, l.campaign_id,"
    " l.points_delta, l.balance_after, l.metadata -> 'calc' AS calc, b.points_delta AS base_points"
    " FROM (SELECT p.casino_id, p.player_id FROM player_loyalty AS p"
    " JOIN loyalty_ledger AS n ON n.casino_id = p.casino_id AND n.player_id = p.player_id"
    " AND n.entry_no > p.entry_count - $1"
    " GROUP BY p.casino_id, p.player_id"
    " ORDER BY least(count(*) FILTER (WHERE n.reason = 'promotion'),"
    " count(*) FILTER (WHERE n.reason = 'base_accrual')) DESC,"
    " p.entry_count DESC, p.casino_id, p.player_id LIMIT 1) AS p"
    " JOIN loyalty_ledger AS l ON l.casino_id = p.casino_id AND l.player_id = p.player_id"
    " JOIN rating_slip AS s ON s.casino_id = l.casino_id AND s.id = l.rating_slip_id"
    " JOIN loyalty_ledger AS b ON b.casino_id = l.casino_id AND b.rating_slip_id = l.rating_slip_id"
    " AND b.reason = 'base_accrual'"
    " JOIN casino AS c ON c.id = l.casino_id"
    " ORDER BY l.entry_no DESC LIMIT $1"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; a promotion's has a `campaign_id`, and its event's time in `closed_at`."""

    entry_no: int
    closed_at: datetime
    game: str
    points: int
    balance_after: int
    arithmetic: Arithmetic
    campaign_id: str | None = None

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
    calc, points = json.loads(row["calc"], parse_float=Decimal), row["points_delta"]
    return Line(
        entry_no=row["entry_no"],
        closed_at=row["occurred_at"],
        game=row["game_type"],
        points=points,
        balance_after=row["balance_after"],
        arithmetic=accrual_arithmetic(calc, points)
        if row["campaign_id"] is None
        else promotion_arithmetic(calc, row["base_points"], points),
        campaign_id=row["campaign_id"],
    )
