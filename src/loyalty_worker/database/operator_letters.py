"""What an operator reads and decides about dead letters; one function for each thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from loyalty_worker.database.record_columns import record_columns, stored_headers
from loyalty_worker.database.types import Connection
from loyalty_worker.domain.records import Headers, Record

_LETTER = (
    'id, topic, partition, "offset", reason, sqlstate, event_id, casino_id, status, attempts,'
    " redrives, occurred_at"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as a list shows it; no bytes of the record."""

    id: int
    topic: str
    partition: int
    offset: int
    reason: str
    sqlstate: str | None
    event_id: str | None
    casino_id: UUID | None
    status: str
    attempts: int
    redrives: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class WholeLetter:
    """A dead letter with everything that is known about it; `value` is personal data."""

    letter: Letter
    consumer_group: str
    detail: str | None
    event_source: str | None
    last_attempt_at: datetime
    closed_at: datetime | None
    quarantined: bool
    purged: bool
    key: bytes | None
    value: bytes | None
    headers: Headers


async def list_letters(
    opened: "Connection",
    *,
    status: str | None,
    topic: str | None,
    reason: str | None,
    casino_id: UUID | None,
    since: datetime | None,
    limit: int,
) -> list[Letter]:
    """Return letters, newest first; an argument that is None does not narrow."""
    rows = await opened.fetch(
        f"SELECT {_LETTER} FROM dead_letter"  # noqa: S608 - our column names
        " WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR topic = $2)"
        " AND ($3::text IS NULL OR reason = $3) AND ($4::uuid IS NULL OR casino_id = $4)"
        " AND ($5::timestamptz IS NULL OR occurred_at >= $5) ORDER BY id DESC LIMIT $6",
        status,
        topic,
        reason,
        casino_id,
        since,
        limit,
    )
    return [Letter(**dict(row)) for row in rows]


async def read_letter(opened: "Connection", letter_id: int) -> WholeLetter | None:
    """Return one letter; None where there is none of that id."""
    row = await opened.fetchrow(
        f"SELECT {_LETTER}, consumer_group, detail, event_source, last_attempt_at,"  # noqa: S608 - our column names
        " closed_at, quarantined, purged_at, key, value, headers FROM dead_letter WHERE id = $1",
        letter_id,
    )
    if row is None:
        return None
    return WholeLetter(
        letter=Letter(**{name: row[name] for name in Letter.__slots__}),
        consumer_group=row["consumer_group"],
        detail=row["detail"],
        event_source=row["event_source"],
        last_attempt_at=row["last_attempt_at"],
        closed_at=row["closed_at"],
        quarantined=row["quarantined"],
        purged=row["purged_at"] is not None,
        key=row["key"],
        value=row["value"],
        headers=stored_headers(row["headers"]),
    )


async def discard_letters(opened: "Connection", ids: Sequence[int], reason: str) -> int:
    """Close open letters for good, audited; return how many there were."""
    discarded: int = await opened.fetchval("SELECT discard_letters($1, $2)", list(ids), reason)
    return discarded


async def quarantine_record(opened: "Connection", group: str, record: Record, reason: str) -> int:
    """Set a record aside, audited; return its letter's id."""
    columns = [column[0] for column in record_columns([record])]
    letter: int = await opened.fetchval(
        "SELECT quarantine_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        group,
        record.topic,
        record.partition,
        *columns,
        reason,
    )
    return letter


async def purge_stored_records(opened: "Connection", older_than: timedelta) -> tuple[int, int]:
    """Empty the bytes of closed letters and settled parked events, audited; return both counts."""
    (row,) = await opened.fetch("SELECT letters, parked FROM purge_stored_records($1)", older_than)
    return row["letters"], row["parked"]


async def audit(opened: "Connection", domain: str, action: str, details: str) -> None:
    """Write what was done beside the functions that audit themselves; `details` is JSON."""
    await opened.execute("SELECT write_audit(NULL, $1, $2, $3)", domain, action, details)
