"""Leases: duties that one process has at a time, as rows."""

from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Pool


class PostgresLeases:
    """The leases of one process; `holder` names it, and is unique among processes."""

    def __init__(self, pool: "Pool", acquire_timeout: float, holder: str) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._holder = holder

    async def take(self, name: str, seconds: float) -> bool:
        """Take or keep a lease; False where another process holds it. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                taken: bool = await connection.fetchval(
                    "SELECT take_lease($1, $2, $3)", name, self._holder, seconds
                )
        return taken

    async def drop(self, name: str) -> None:
        """Give it back. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                await connection.execute("SELECT drop_lease($1, $2)", name, self._holder)
