"""What the database knows about halts, letters and parked events, as numbers to show."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from loyalty_worker.database.sqlstates import faults

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class StoredState:
    """Open halts as (topic, reason), counts by reason, and the oldest open letter's time.

    The time is in seconds since 1970, 0 without an open letter.
    """

    halts: frozenset[tuple[str, str]] = frozenset()
    dead_letters_open: dict[str, float] = field(default_factory=dict)
    parked_events: dict[str, float] = field(default_factory=dict)
    oldest_letter: float = 0.0


async def read_stored_state(pool: "Pool", acquire_timeout: float) -> StoredState:
    """Return the state now; raises `Fault`."""
    with faults():
        async with pool.acquire(timeout=acquire_timeout) as connection:
            rows = await connection.fetch("SELECT * FROM operational_gauges()")
    by_gauge: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        by_gauge.setdefault(row["gauge"], []).append(row)
    return StoredState(
        frozenset((row["label"], row["reason"]) for row in by_gauge.get("consumer_halted", ())),
        {row["label"]: row["value"] for row in by_gauge.get("dead_letters_open", ())},
        {row["label"]: row["value"] for row in by_gauge.get("parked_events", ())},
        max(
            (row["value"] for row in by_gauge.get("dead_letter_oldest_timestamp_seconds", ())),
            default=0.0,
        ),
    )
