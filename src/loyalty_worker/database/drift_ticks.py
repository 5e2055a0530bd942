"""Ticks of the drift check's schedule as rows: one replica claims each."""

from datetime import datetime

from loyalty_worker.database.record_columns import headers_json
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Pool
from loyalty_worker.domain.records import Headers


class PostgresDriftTicks:
    """The ticks; `holder` names this process, for people."""

    def __init__(self, pool: "Pool", acquire_timeout: float, holder: str) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._holder = holder

    async def last(self) -> datetime | None:
        """Return the newest tick that was claimed. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                newest: datetime | None = await connection.fetchval("SELECT last_drift_tick()")
        return newest

    async def claim(
        self, scheduled_for: datetime, topic: str, key: bytes, value: bytes, headers: Headers
    ) -> bool:
        """Claim a tick and put its request into the outbox, in one transaction. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                claimed: bool = await connection.fetchval(
                    "SELECT claim_drift_tick($1, $2, $3, $4, $5, $6)",
                    scheduled_for,
                    self._holder,
                    topic,
                    key,
                    value,
                    headers_json(headers),
                )
        return claimed
