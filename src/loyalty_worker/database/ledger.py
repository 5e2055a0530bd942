"""The ledger's gateway for the worker: one method per SQL function.

Batches travel as parallel arrays of typed columns, which PostgreSQL unpacks several times faster
than one JSON document.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import asyncpg

from loyalty_worker.database.letters import letter_columns
from loyalty_worker.database.slips import slip_columns
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.domain.events import Decoded, SlipClosed
from loyalty_worker.domain.outcomes import DuplicateBy, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Advance, Fault, Posting, Progress

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]


class PostgresLedger:
    """The ledger in PostgreSQL, reached with the worker's login; times in seconds."""

    def __init__(
        self, pool: "Pool", acquire_timeout: float, observe_acquire: Callable[[float], None]
    ) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._observe_acquire = observe_acquire

    @asynccontextmanager
    async def transaction(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AsyncIterator["PostgresLedgerTransaction"]:
        """Open a transaction whose scope is these casinos. Raises `Fault`."""
        with faults():
            async with self._connection() as connection, connection.transaction():
                await connection.execute(
                    "SELECT set_service_context($1, $2)", sorted(casino_ids), correlation_id
                )
                yield PostgresLedgerTransaction(connection)

    async def read_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Return the partition's current progress. Raises `Fault`."""
        with faults():
            async with self._connection() as connection:
                row = await connection.fetchrow(
                    "SELECT * FROM read_consumer_progress($1, $2, $3)",
                    group,
                    at.topic,
                    at.partition,
                )
        return None if row is None else Progress(**dict(row))

    async def open_generation(
        self, group: str, at: PartitionId, after: int | None, first_offset: int
    ) -> Progress:
        """Begin a generation, or return the one that another worker began. Raises `Fault`."""
        with faults():
            async with self._connection() as connection:
                row = await connection.fetchrow(
                    "SELECT * FROM open_consumer_progress($1, $2, $3, $4, $5)",
                    group,
                    at.topic,
                    at.partition,
                    after,
                    first_offset,
                )
        if row is None:
            raise Fault("database_error")
        return Progress(**dict(row))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["Connection"]:
        started = time.monotonic()
        async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
            self._observe_acquire(time.monotonic() - started)
            yield connection


class PostgresLedgerTransaction:
    """One open transaction of the ledger."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def lock_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Lock the partition's current progress row."""
        row = await self._connection.fetchrow(
            "SELECT * FROM lock_consumer_progress($1, $2, $3)", group, at.topic, at.partition
        )
        return None if row is None else Progress(**dict(row))

    async def post_closed_slips(self, slips: Sequence[tuple[Record, SlipClosed]]) -> list[Posting]:
        """Post slips of one partition in order; one posting each."""
        at = slips[0][0]
        rows = await self._connection.fetch(
            "SELECT verdict, duplicate_by, refusal, detail, points FROM post_closed_slips("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
            " ORDER BY ordinal",
            *slip_columns(at.topic, at.partition, slips),
        )
        return [
            Posting(
                verdict=row["verdict"],
                duplicate_by=DuplicateBy(row["duplicate_by"]) if row["duplicate_by"] else None,
                refusal=row["refusal"],
                detail=row["detail"],
                points=row["points"] or 0,
            )
            for row in rows
        ]

    async def file_dead_letters(
        self, group: str, letters: Sequence[tuple[Record, Decoded, RecordOutcome]]
    ) -> None:
        """Keep records of one partition that cannot succeed."""
        at = letters[0][0]
        await self._connection.execute(
            "SELECT file_dead_letters("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            group,
            at.topic,
            at.partition,
            *letter_columns(letters),
        )

    async def resolve_dead_letters(self, records: Sequence[Record]) -> int:
        """Mark open letters of these records of one partition as resolved."""
        at = records[0]
        resolved: int = await self._connection.fetchval(
            "SELECT resolve_dead_letters($1, $2, $3, $4)",
            at.topic,
            at.partition,
            [record.offset for record in records],
            [record.fingerprint() for record in records],
        )
        return resolved

    async def advance_progress(
        self, group: str, at: PartitionId, generation: int, advance: Advance
    ) -> None:
        """Move the partition's position and counts."""
        await self._connection.execute(
            "SELECT advance_consumer_progress("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            group,
            at.topic,
            at.partition,
            generation,
            advance.next_offset,
            advance.last_record_offset,
            advance.last_record_hash,
            advance.accrued,
            advance.duplicate,
            advance.skipped,
            advance.parked,
            advance.dead_lettered,
            advance.without_record,
        )
