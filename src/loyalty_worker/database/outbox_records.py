"""Records that wait to be published, as rows; a row goes when the broker has the record."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from loyalty_worker.database.record_columns import stored_headers
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.ports import OutgoingRecord

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]


class OutboxRecords:
    """The outbox of drift alerts and of the schedule's requests."""

    def __init__(self, pool: "Pool", acquire_timeout: float) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout

    async def pending(self, limit: int) -> list[OutgoingRecord]:
        """Return the oldest records. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                rows = await connection.fetch("SELECT * FROM pending_outbox($1)", limit)
        return [
            OutgoingRecord(
                id=row["id"],
                topic=row["topic"],
                lane=None,
                key=row["key"],
                value=row["value"],
                headers=stored_headers(row["headers"]),
            )
            for row in rows
        ]

    async def published(self, ids: Sequence[int]) -> None:
        """Remove records that the broker has acknowledged. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                await connection.execute("SELECT delete_outbox($1)", list(ids))
