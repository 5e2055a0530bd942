"""The ledger's gateway for the worker: transactions, and the progress beside them."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from uuid import UUID

from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.transaction import PostgresLedgerTransaction
from loyalty_worker.database.types import Connection, Pool
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault, Progress


class _RolledBackError(Exception):
    """Ends a rehearsal; never leaves this module."""


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

    @asynccontextmanager
    async def rehearsal(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AsyncIterator["PostgresLedgerTransaction"]:
        """Open a transaction that is rolled back at its end, however it ends. Raises `Fault`."""
        with contextlib.suppress(_RolledBackError):
            async with self.transaction(casino_ids, correlation_id) as tx:
                yield tx
                raise _RolledBackError

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
