"""The facts under which a slip was posted, for whoever compares them with others."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from loyalty_worker.database.types import Connection


@dataclass(frozen=True, slots=True)
class RecordedSlip:
    """The facts that count, as recorded, and the entry of the slip's base points."""

    visit_id: UUID
    player_id: UUID | None
    visit_kind: str
    average_bet: Decimal
    duration_seconds: int
    closed_at: datetime
    policy_snapshot: str | None
    entry_id: UUID | None
    points: int


async def read_recorded_slip(
    opened: "Connection", casino_id: UUID, rating_slip_id: UUID
) -> RecordedSlip | None:
    """Return a closed slip of the transaction's scope; None where there is none."""
    row = await opened.fetchrow(
        "SELECT s.visit_id, s.player_id, s.visit_kind, s.average_bet, s.duration_seconds,"
        " s.closed_at, s.policy_snapshot, l.id AS entry_id,"
        " coalesce(l.points_delta, 0) AS points"
        " FROM rating_slip AS s LEFT JOIN loyalty_ledger AS l ON l.casino_id = s.casino_id"
        " AND l.source_kind = 'rating_slip' AND l.source_id = s.id AND l.reason = 'base_accrual'"
        " WHERE s.casino_id = $1 AND s.id = $2 AND s.status = 'closed'",
        casino_id,
        rating_slip_id,
    )
    return None if row is None else RecordedSlip(**dict(row))


async def points_of(
    opened: "Connection", average_bet: Decimal, duration_seconds: int, policy_snapshot: str | None
) -> int:
    """Return what a slip of these facts earns if its visit is rated."""
    points: int | None = await opened.fetchval(
        "SELECT r.points::bigint FROM loyalty_policy_terms($1::jsonb) AS t,"
        " loyalty_points_v1($2, t.house_edge, t.decisions_per_hour, $3,"
        " t.points_conversion_rate) AS r",
        policy_snapshot,
        average_bet,
        duration_seconds,
    )
    return points or 0
