"""The worker's database: which one, under what limits, and whether it answers."""

import asyncio

import asyncpg

from loyalty_worker.app.startup import NotYetError, check_database
from loyalty_worker.database.migration_files import MigrationFolder
from loyalty_worker.database.pool import PoolLimits, pool_usage
from loyalty_worker.settings import Settings
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics

_WATCH_SECONDS = 2.0
_KEY = "database"


def database_url(settings: Settings) -> str:
    """Return the worker's login; `loyalty run` has checked that there is one."""
    if settings.database_url is None:
        raise ValueError("LOYALTY_DATABASE_URL is not set; `loyalty run` needs it")
    return settings.database_url.get_secret_value()


def pool_limits(settings: Settings) -> PoolLimits:
    """Return the pool's limits."""
    return PoolLimits(
        max_size=settings.database_pool_max_size,
        connect_timeout_seconds=settings.database_connect_timeout_seconds,
        statement_timeout_ms=settings.database_statement_timeout_ms,
        lock_timeout_ms=settings.database_lock_timeout_ms,
        idle_in_transaction_timeout_ms=settings.database_idle_in_transaction_timeout_ms,
        close_timeout_seconds=settings.graceful_timeout_seconds - settings.drain_timeout_seconds,
    )


async def watch_database(
    pool: asyncpg.Pool, migrations: MigrationFolder, health: Health, metrics: Metrics
) -> None:
    """Keep readiness and the pool's gauges true, also without traffic, until cancelled."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            await check_database(pool, migrations)
        except NotYetError as problem:
            health.hold(_KEY, str(problem))
        else:
            health.release(_KEY)
        usage = pool_usage(pool)
        metrics.db_pool_connections.set(usage.used, state="used")
        metrics.db_pool_connections.set(usage.idle, state="idle")
