"""What has just happened in the ledger and among the dead letters, no player named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

_NEWS: Final = (
    "(SELECT l.created_at AS at, c.name AS casino, s.game_type AS game, s.table_id, l.campaign_id,"
    " l.points_delta AS points, NULL AS reason"
    " FROM loyalty_ledger AS l JOIN casino AS c ON c.id = l.casino_id"
    " JOIN rating_slip AS s ON s.casino_id = l.casino_id AND s.id = l.rating_slip_id"
    " ORDER BY l.created_at DESC LIMIT $1)"
    " UNION ALL (SELECT occurred_at, c.name, NULL, NULL, NULL, NULL, reason"
    " FROM dead_letter LEFT JOIN casino AS c ON c.id = casino_id"
    " ORDER BY occurred_at DESC LIMIT $1)"
    " ORDER BY at DESC LIMIT $1"
)


@dataclass(frozen=True, slots=True)
class News:
    """An entry, which a promotion's `campaign_id` may have given, or a dead letter's `reason`."""

    at: datetime
    casino: str | None
    game: str | None
    table_id: UUID | None
    campaign_id: str | None
    points: int | None
    reason: str | None


async def read_news(reader: asyncpg.Connection, limit: int) -> Sequence[News]:
    """Return the newest entries and dead letters, newest first."""
    return [News(**dict(row)) for row in await reader.fetch(_NEWS, limit)]
