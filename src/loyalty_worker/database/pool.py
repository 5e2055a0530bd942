"""The worker's connection pool: everything on it has a limit, and opening it needs no server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from loyalty_worker.postgres_url import read_postgres_url

_MILLISECONDS = 1000
# The server's own timeout speaks first; this one is for a server that no longer speaks.
_SILENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections, and how long each thing on them may take."""

    max_size: int
    connect_timeout_seconds: float
    statement_timeout_ms: int
    lock_timeout_ms: int
    idle_in_transaction_timeout_ms: int
    close_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """Connections in use and open but unused."""

    used: int
    idle: int


@asynccontextmanager
async def open_pool(url: str, limits: PoolLimits) -> AsyncIterator[asyncpg.Pool]:
    """Open a pool for the worker's login, and close it at the end, hard if it takes too long.

    It connects when a connection is wanted, so that a worker starts while PostgreSQL is away.
    Raises ValueError for a URL that is none.
    """
    pool = asyncpg.create_pool(
        read_postgres_url(url).dsn,
        min_size=0,
        max_size=limits.max_size,
        timeout=limits.connect_timeout_seconds,
        command_timeout=limits.statement_timeout_ms / _MILLISECONDS + _SILENCE_SECONDS,
        server_settings={
            "application_name": "loyalty-worker",
            "statement_timeout": str(limits.statement_timeout_ms),
            "lock_timeout": str(limits.lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(limits.idle_in_transaction_timeout_ms),
            # batches are short and their plans are kept: compiling them costs more than it saves
            "jit": "off",
        },
    )
    await pool
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), limits.close_timeout_seconds)
        except TimeoutError:
            pool.terminate()


def pool_usage(pool: asyncpg.Pool) -> PoolUsage:
    """Return how the pool's connections are used now."""
    idle = pool.get_idle_size()
    return PoolUsage(used=pool.get_size() - idle, idle=idle)
