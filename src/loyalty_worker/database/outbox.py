"""Dead letters whose copy on `<topic>.dlq` is due, as an outbox."""

from collections.abc import Mapping, Sequence

import asyncpg

from loyalty_worker.database.record_columns import stored_headers, timestamp_ms
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Pool
from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.domain.idempotency import Operation, idempotency_key
from loyalty_worker.domain.records import Headers
from loyalty_worker.ports import OutgoingRecord


class LetterCopies:
    """The outbox of dead letters; `operations` says what a topic's events do, for their keys."""

    def __init__(
        self, pool: "Pool", acquire_timeout: float, operations: Mapping[str, Operation]
    ) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._operations = operations

    async def pending(self, limit: int) -> list[OutgoingRecord]:
        """Return the oldest letters without a copy. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                rows = await connection.fetch("SELECT * FROM pending_copies($1)", limit)
        return [self._copy(row) for row in rows]

    async def published(self, ids: Sequence[int]) -> None:
        """Mark letters whose copy was acknowledged. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                await connection.execute("SELECT mark_copied($1)", list(ids))

    def _copy(self, row: asyncpg.Record) -> OutgoingRecord:
        return OutgoingRecord(
            id=row["id"],
            topic=f"{row['topic']}.dlq",
            lane=row["partition"],
            key=row["key"],
            value=row["value"],
            headers=stored_headers(row["headers"]),
            about=self._letter_headers(row),
            may_omit_value=True,
        )

    def _letter_headers(self, row: asyncpg.Record) -> Headers:
        told = {
            "reason": row["reason"],
            "detail": row["detail"],
            "original-topic": row["topic"],
            "original-partition": row["partition"],
            "original-offset": row["offset"],
            "original-timestamp": timestamp_ms(row["broker_timestamp"]),
            "record-hash": row["record_hash"].hex(),
            "consumer-group": row["consumer_group"],
            "idempotency-key": self._key(row),
            "redrive-count": row["redrives"],
        }
        return tuple(
            (f"dlq.{name}", str(value).encode())
            for name, value in told.items()
            if value is not None
        )

    def _key(self, row: asyncpg.Record) -> object:
        operation = self._operations.get(row["topic"])
        if operation is None or row["event_id"] is None or row["event_source"] is None:
            return None
        return idempotency_key(operation, EventIdentity(row["event_source"], row["event_id"]))
