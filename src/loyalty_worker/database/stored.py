"""Parked events and dead letters as records again, for those who try them anew."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg

from loyalty_worker.database.record_columns import stored_headers, timestamp_ms
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Connection, Pool
from loyalty_worker.domain.records import Record
from loyalty_worker.ports import LetterFilter, StoredRecord


class StoredRecords:
    """The worker's way to what the database keeps; every method raises `Fault`."""

    def __init__(
        self, pool: "Pool", acquire_timeout: float, observe_acquire: Callable[[float], None]
    ) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._observe_acquire = observe_acquire

    async def releasable(
        self, kind: str, after: int, limit: int, casino_ids: Collection[UUID] | None = None
    ) -> tuple[list[StoredRecord], int | None]:
        """Return those of the next waiting events whose cause is gone, and where to look next."""
        with faults():
            async with self._waiting(casino_ids) as (connection, casinos):
                rows = await connection.fetch(
                    "SELECT * FROM find_releasable_events($1, $2, $3, $4)",
                    kind,
                    after,
                    limit,
                    casinos,
                )
        *found, last = rows
        return [_stored(row) for row in found], last["scanned_to"]

    async def expire(self, after: timedelta, limit: int) -> int:
        """Make letters of promotions that awaited their slip too long; return how many."""
        with faults():
            async with self._waiting(None) as (connection, _):
                expired: int = await connection.fetchval(
                    "SELECT expire_parked_events($1, $2)", after, limit
                )
        return expired

    async def open_letters(
        self, wanted: LetterFilter, after: int, limit: int
    ) -> Sequence[StoredRecord]:
        """Return open letters that still have their bytes, by id, from above `after`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                rows = await connection.fetch(
                    "SELECT * FROM open_letters($1, $2, $3, $4, $5, $6, $7)",
                    after,
                    limit,
                    None if wanted.ids is None else list(wanted.ids),
                    wanted.topic,
                    wanted.reason,
                    wanted.casino_id,
                    wanted.since,
                )
        return [_stored(row) for row in rows]

    @asynccontextmanager
    async def _waiting(
        self, casino_ids: Collection[UUID] | None
    ) -> AsyncIterator[tuple["Connection", list[UUID]]]:
        """Open a transaction that sees the casinos at which events wait, of those given."""
        async with (
            self._pool.acquire(timeout=self._acquire_timeout) as connection,
            connection.transaction(),
        ):
            waiting: list[UUID] = await connection.fetchval("SELECT waiting_casinos()")
            casinos = [one for one in waiting if casino_ids is None or one in casino_ids]
            await connection.execute("SELECT set_service_context($1, $2)", casinos, "sweeper")
            yield connection, casinos


def _stored(row: asyncpg.Record) -> StoredRecord:
    record = Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        timestamp_ms=timestamp_ms(row["broker_timestamp"]),
        key=row["key"],
        value=row["value"],
        headers=stored_headers(row["headers"]),
    )
    return StoredRecord(row["id"], row["consumer_group"], record)
