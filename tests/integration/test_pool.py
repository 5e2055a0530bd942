"""The worker's pool against a real server: its limits, and its life."""

import asyncio
import socket
from dataclasses import replace

import asyncpg
import pytest

from loyalty_worker.database.pool import PoolLimits, PoolUsage, open_pool, pool_usage
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import connected

# the last of them where the server's farewell is still being read as the next command starts
CONNECTION_LOST = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
LIMITS = PoolLimits(
    max_size=2,
    connect_timeout_seconds=5,
    statement_timeout_ms=20_000,
    lock_timeout_ms=20_000,
    idle_in_transaction_timeout_ms=20_000,
    close_timeout_seconds=5,
)


async def test_opening_a_pool_needs_no_server() -> None:
    async with open_pool(f"postgresql://w:p@{HOST}:{free_port()}/x", LIMITS) as pool:
        assert pool_usage(pool) == PoolUsage(used=0, idle=0)
        with pytest.raises(OSError):  # noqa: PT011 - the driver says no more
            await pool.fetchval("SELECT 1")


async def test_a_connection_has_the_worker_s_name_and_limits(database: DatabaseUrls) -> None:
    async with open_pool(database.worker, LIMITS) as pool:
        found = {
            name: await pool.fetchval("SELECT current_setting($1)", name)
            for name in (
                "application_name",
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "jit",
            )
        }

    assert found == {
        "application_name": "loyalty-worker",
        "statement_timeout": "20s",
        "lock_timeout": "20s",
        "idle_in_transaction_session_timeout": "20s",
        "jit": "off",
    }


async def test_libpq_parameters_in_the_url_do_no_harm(database: DatabaseUrls) -> None:
    url = f"{database.worker}?connect_timeout=5&keepalives=1&options=-c%20work_mem%3D5MB"
    async with open_pool(url, LIMITS) as pool:
        assert await pool.fetchval("SHOW work_mem") == "5MB"


async def test_a_statement_that_takes_too_long_is_cancelled(database: DatabaseUrls) -> None:
    async with open_pool(database.worker, replace(LIMITS, statement_timeout_ms=100)) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.fetchval("SELECT pg_sleep(60)")
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_wait_for_a_lock_ends(database: DatabaseUrls) -> None:
    async with (
        connected(database.superuser) as other,
        open_pool(database.worker, replace(LIMITS, lock_timeout_ms=100)) as pool,
        other.transaction(),
    ):
        await other.execute("LOCK TABLE casino IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await pool.fetchval("SELECT count(*) FROM casino")


async def test_its_usage_is_counted(database: DatabaseUrls) -> None:
    async with open_pool(database.worker, LIMITS) as pool:
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT 1")
            assert pool_usage(pool) == PoolUsage(used=1, idle=0)
        assert pool_usage(pool) == PoolUsage(used=0, idle=1)


async def test_a_connection_that_the_server_ended_is_replaced(database: DatabaseUrls) -> None:
    async with open_pool(database.worker, LIMITS) as pool:
        async with pool.acquire() as connection, connected(database.superuser) as other:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            with pytest.raises(CONNECTION_LOST):
                await connection.fetchval("SELECT 1")

        assert await pool.fetchval("SELECT pg_backend_pid()") != pid


async def test_a_server_that_accepts_and_never_speaks_is_given_up_on() -> None:
    with socket.create_server((HOST, 0)) as silent:
        url = f"postgresql://w:p@{HOST}:{silent.getsockname()[1]}/x"
        async with open_pool(url, replace(LIMITS, connect_timeout_seconds=0.2)) as pool:
            with pytest.raises(TimeoutError):
                await pool.fetchval("SELECT 1")


async def test_closing_does_not_wait_for_ever_for_a_connection_in_use(
    database: DatabaseUrls,
) -> None:
    async with open_pool(database.worker, replace(LIMITS, close_timeout_seconds=0.2)) as pool:
        connection = await pool.acquire()
        forgotten = asyncio.create_task(connection.execute("SELECT pg_sleep(600)"))
        await asyncio.sleep(0.05)

    with pytest.raises(CONNECTION_LOST):
        await forgotten
