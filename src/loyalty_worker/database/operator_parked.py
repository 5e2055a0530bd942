"""What an operator reads of events that wait; nothing of what the records hold."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from loyalty_worker.database.types import Connection


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits."""

    id: int
    topic: str
    partition: int
    offset: int
    kind: str
    cause: str
    event_id: str
    casino_id: UUID
    rating_slip_id: UUID
    parked_at: datetime


async def list_parked(
    opened: "Connection", *, cause: str | None, casino_id: UUID | None, limit: int
) -> list[Parked]:
    """Return events that wait, oldest first; an argument that is None does not narrow."""
    columns = ", ".join(f'"{name}"' for name in Parked.__slots__)
    rows = await opened.fetch(
        f"SELECT {columns} FROM parked_event WHERE outcome IS NULL"  # noqa: S608 - our column names
        " AND ($1::text IS NULL OR cause = $1) AND ($2::uuid IS NULL OR casino_id = $2)"
        " ORDER BY id LIMIT $3",
        cause,
        casino_id,
        limit,
    )
    return [Parked(**dict(row)) for row in rows]


async def count_parked(opened: "Connection") -> dict[str, int]:
    """Return how many events wait, by cause."""
    rows = await opened.fetch(
        "SELECT cause, count(*) AS waiting FROM parked_event WHERE outcome IS NULL GROUP BY 1"
    )
    return {row["cause"]: row["waiting"] for row in rows}
