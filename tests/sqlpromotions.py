"""Promotions as the posting and parking functions take them, for the tests of the SQL."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from sqlletters import hash_of
from sqlslips import Connection, Slip, Verdict, scope

TOPIC = "promotion"
GROUP = "loyalty-promotion"
AWARDED = datetime(2026, 3, 15, 5, 59, tzinfo=UTC)
AWAITING = "awaiting_accrual"
DISABLED = "accrual_disabled"
KEY = b"key"
VALUE = b"\x00\xff{"
HEADERS = [["dHJhY2U=", None]]
WAITING = "SELECT count(*) FROM parked_event WHERE outcome IS NULL"
_POST = f"SELECT * FROM post_promotions({', '.join(f'${n}' for n in range(1, 13))})"  # noqa: S608 - numbers
_PARK = f"SELECT park_events({', '.join(f'${n}' for n in range(1, 21))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One element of the arrays; `offset` tells records of the topic apart."""

    casino_id: uuid.UUID
    rating_slip_id: uuid.UUID
    key: uuid.UUID | None
    offset: int = 0
    campaign: str | None = "spring"
    multiplier: Decimal | None = None
    bonus: int | None = 50
    awarded: datetime | None = AWARDED

    def but(self, **changes: Any) -> "Promotion":  # noqa: ANN401 - any field of the promotion
        """Return the promotion with other values."""
        return replace(self, **changes)


def award(slip: Slip, **changes: Any) -> Promotion:  # noqa: ANN401 - any field of the promotion
    """Return a promotion of a slip: 50 points, under a key of its own."""
    return Promotion(
        casino_id=slip.casino_id, rating_slip_id=slip.rating_slip_id, key=uuid.uuid4()
    ).but(**changes)


def accrued(points: int) -> Verdict:
    """Return the verdict of a promotion that posted these points."""
    return Verdict("accrued", points=points)


async def award_rows(
    connection: Connection, promotions: Sequence[Promotion]
) -> list[asyncpg.Record]:
    """Post promotions in an open transaction; return the function's rows."""
    return list(
        await connection.fetch(
            _POST,
            ["casino/campaigns" for _ in promotions],
            [f"award-{one.offset}" for one in promotions],
            TOPIC,
            0,
            [one.offset for one in promotions],
            [one.key for one in promotions],
            [one.casino_id for one in promotions],
            [one.rating_slip_id for one in promotions],
            [one.campaign for one in promotions],
            [one.multiplier for one in promotions],
            [one.bonus for one in promotions],
            [one.awarded for one in promotions],
        )
    )


def verdicts(rows: Sequence[asyncpg.Record]) -> list[Verdict]:
    """Return what the rows of the function say, without ids and texts."""
    assert [row["ordinal"] for row in rows] == list(range(1, len(rows) + 1))
    return [Verdict(r["verdict"], r["duplicate_by"], r["refusal"], r["points"]) for r in rows]


async def post_awards(connection: Connection, *promotions: Promotion) -> list[Verdict]:
    """Post promotions as one batch in a transaction of its own; return one verdict each."""
    async with scope(connection, {one.casino_id for one in promotions}):
        return verdicts(await award_rows(connection, promotions))


async def park(
    connection: Connection, *waiting: Slip | Promotion, cause: str = AWAITING, offset: int = 0
) -> list[int]:
    """Park events, slips with offsets from `offset`; return the rows' ids, in the same order."""
    offsets = [
        one.offset if isinstance(one, Promotion) else offset + number
        for number, one in enumerate(waiting)
    ]
    kinds = ["promotion" if isinstance(one, Promotion) else "rating_slip_closed" for one in waiting]
    awards = [one if isinstance(one, Promotion) else None for one in waiting]
    hashes = [hash_of(f"{kind}{at}") for kind, at in zip(kinds, offsets, strict=True)]
    await connection.execute(
        _PARK,
        GROUP,
        TOPIC,
        0,
        kinds,
        [cause for _ in waiting],
        offsets,
        [AWARDED for _ in waiting],
        hashes,
        [KEY for _ in waiting],
        [VALUE for _ in waiting],
        [json.dumps(HEADERS) for _ in waiting],
        ["casino/campaigns" for _ in waiting],
        [f"award-{at}" for at in offsets],
        [one.casino_id for one in waiting],
        [one.rating_slip_id for one in waiting],
        [one.campaign if one else None for one in awards],
        [one.multiplier if one else None for one in awards],
        [one.bonus if one else None for one in awards],
        [one.key for one in waiting],
        [one.awarded if one else None for one in awards],
    )
    rows = await connection.fetch(
        "SELECT id, record_hash FROM parked_event WHERE record_hash = ANY ($1)", hashes
    )
    ids = {row["record_hash"]: row["id"] for row in rows}
    return [ids[one] for one in hashes]


async def release(connection: Connection, *slips: Slip) -> list[tuple[object, ...]]:
    """Settle what waits for slips; return (outcome, duplicate_by, reason, points) of each."""
    rows = await connection.fetch(
        "SELECT outcome, duplicate_by, reason, points FROM release_parked_promotions($1, $2)",
        [slip.casino_id for slip in slips],
        [slip.rating_slip_id for slip in slips],
    )
    return [tuple(row) for row in rows]


async def close(connection: Connection, *closings: tuple[int, str, str | None]) -> None:
    """Close parked rows as (id, outcome, reason)."""
    await connection.execute(
        "SELECT close_parked_events($1, $2, $3, $4, $5)",
        [row for row, _, _ in closings],
        [outcome for _, outcome, _ in closings],
        [reason for _, _, reason in closings],
        ["told" for _ in closings],
        ["LY000" for _ in closings],
    )


async def releasable(
    connection: Connection,
    *casinos: uuid.UUID,
    kind: str = "promotion",
    after: int = 0,
    limit: int = 1000,
) -> tuple[list[int], int | None]:
    """Return the ids of what can be released, and where to look next."""
    async with scope(connection, casinos):
        rows = await connection.fetch(
            "SELECT * FROM find_releasable_events($1, $2, $3, $4)",
            kind,
            after,
            limit,
            list(casinos),
        )
    *found, last = rows
    assert last["id"] is None
    return [row["id"] for row in found], last["scanned_to"]


async def parked(connection: Connection, row: int) -> asyncpg.Record:
    """Return a parked row."""
    (found,) = await connection.fetch("SELECT * FROM parked_event WHERE id = $1", row)
    return found


async def aged(superuser: Connection, row: int, by: timedelta) -> None:
    """Let a parked row have waited longer."""
    await superuser.execute(
        "UPDATE parked_event SET waiting_since = waiting_since - $2::interval WHERE id = $1",
        row,
        by,
    )
