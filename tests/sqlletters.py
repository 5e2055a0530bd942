"""Dead letters as the worker files them, for the tests of the SQL."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlslips import Connection

GROUP = "loyalty-accrual"
TOPIC = "rating-slip-closed"
VALUE = b"\x00\xff{"
HEADERS: Sequence[Sequence[object]] = [["dHJhY2U=", None], ["dHJhY2U=", "/w=="]]
TIMESTAMP = datetime(2026, 3, 14, tzinfo=UTC)
_FILE = "SELECT file_dead_letters($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
_QUARANTINE = "SELECT quarantine_record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_CLOSE = "SELECT close_redriven_letters($1, $2, $3, $4, $5)"


def hash_of(text: str) -> bytes:
    """Return what stands for the hash of a record."""
    return hashlib.sha256(text.encode()).digest()


async def file_letters(
    worker: Connection,
    *offsets: int,
    reason: str = "EVENT_UNDECODABLE",
    record: str = "",
    topic: str = TOPIC,
    partition: int = 0,
    key: bytes | None = None,
    value: bytes = VALUE,
    headers: Sequence[Sequence[object]] = HEADERS,
) -> list[int]:
    """File a letter for each offset; return their ids. `record` tells records of an offset apart.

    The casino of a letter is the UUID of its offset's number.
    """
    hashes = [hash_of(f"{record}{offset}") for offset in offsets]
    await worker.execute(
        _FILE,
        GROUP,
        topic,
        partition,
        list(offsets),
        [TIMESTAMP for _ in offsets],
        hashes,
        [key for _ in offsets],
        [value for _ in offsets],
        [json.dumps(headers) for _ in offsets],
        [reason for _ in offsets],
        [None for _ in offsets],
        ["LY007" for _ in offsets],
        ["source" for _ in offsets],
        ["id" for _ in offsets],
        [uuid.UUID(int=offset) for offset in offsets],
    )
    rows = await worker.fetch(
        "SELECT id FROM dead_letter WHERE topic = $1 AND partition = $2 AND record_hash = ANY ($3)"
        " ORDER BY id",
        topic,
        partition,
        hashes,
    )
    return [row["id"] for row in rows]


async def quarantine(
    operator: Connection, offset: int, *, record: str = "", reason: str = "poison"
) -> int:
    """Set a record of partition 0 aside; return its letter's id."""
    letter: int = await operator.fetchval(
        _QUARANTINE,
        GROUP,
        TOPIC,
        0,
        offset,
        TIMESTAMP,
        hash_of(f"{record}{offset}"),
        b"key",
        b"value",
        json.dumps(HEADERS),
        reason,
    )
    return letter


async def redriven(worker: Connection, *closings: tuple[int, str]) -> None:
    """Close letters as (id, outcome); a refusal is LOYALTY_FACTS_CONFLICT."""
    refused = [outcome == "dead_lettered" for _, outcome in closings]
    await worker.execute(
        _CLOSE,
        [letter for letter, _ in closings],
        [outcome for _, outcome in closings],
        ["LOYALTY_FACTS_CONFLICT" if refusal else None for refusal in refused],
        ["other facts" if refusal else None for refusal in refused],
        ["LY007" if refusal else None for refusal in refused],
    )


async def copy_pending(worker: Connection) -> list[int]:
    """Read and mark all copies that are due, as the relay does; return the letters' ids."""
    rows = await worker.fetch("SELECT id FROM pending_copies(1000)")
    ids = [row["id"] for row in rows]
    await worker.execute("SELECT mark_copied($1)", ids)
    return ids


async def parked_row(
    superuser: Connection, offset: int, cause: str = "awaiting_accrual", outcome: str | None = None
) -> int:
    """Put a promotion among the parked events, released just now if it has an outcome."""
    row: int = await superuser.fetchval(
        'INSERT INTO parked_event (topic, partition, "offset", record_hash, consumer_group, key,'
        " value, headers, kind, cause, event_source, event_id, casino_id, rating_slip_id,"
        " idempotency_key, outcome, released_at)"
        " VALUES ('promotion', 0, $1, $2, 'loyalty-promotion',"
        " 'key', $3, $4, 'promotion', $5, 'source', 'id', gen_random_uuid(), gen_random_uuid(),"
        " gen_random_uuid(), $6::text, CASE WHEN $6::text IS NOT NULL THEN now() END)"
        " RETURNING id",
        offset,
        hash_of(str(offset)),
        VALUE,
        json.dumps(HEADERS),
        cause,
        outcome,
    )
    return row
