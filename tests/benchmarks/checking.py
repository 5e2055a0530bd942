"""The drift check's rate, beside the least that any check has to do, and naive checks."""

import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from benchmarks.filling import Shape
from benchmarks.measures import Figure, Series, Watch
from loyalty_worker.app.database import pool_limits
from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits, OnChunk
from loyalty_worker.database.drift_checks import PostgresDriftChecks
from loyalty_worker.database.pool import open_pool
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import DriftRequest, DriftSummary
from loyalty_worker.settings import Settings
from sqltools import connected

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]

DEFAULT_LOAD = ChunkLimits(load=Settings.model_fields["drift_check_load"].default)
FULL_LOAD = ChunkLimits(load=1.0)
_NEEDED = 0.3
_SAMPLE = 1000
_SUMS = 3

# count(points) keeps the planner from leaving the sum out
_FLOOR = """
SELECT count(*), count(g.points)
FROM (
    SELECT casino_id, player_id, sum(points_delta) AS points FROM loyalty_ledger GROUP BY 1, 2
) AS g
"""
_ONE_STATEMENT = "SELECT count(*) FROM check_loyalty_balance_drift()"
_ONE_PLAYER = """
SELECT b.current_balance, b.entry_count, e.balance, e.entries
FROM player_loyalty AS b
CROSS JOIN (
    SELECT sum(l.points_delta) AS balance, count(*) AS entries
    FROM loyalty_ledger AS l
    WHERE l.casino_id = $1 AND l.player_id = $2
) AS e
WHERE b.casino_id = $1 AND b.player_id = $2
"""


@dataclass(frozen=True, slots=True)
class Checks:
    """The drift check on one connection of the worker's login."""

    pool: asyncpg.Pool
    checks: PostgresDriftChecks

    async def run(self, limits: ChunkLimits, on_chunk: OnChunk = lambda _chunk: None) -> None:
        """Check everything, or go on where an unfinished run stood. Fails where drift is found."""
        check = CheckDrift(self.checks, limits)
        summary: DriftSummary = await check(DriftRequest("command"), on_chunk)
        if summary.verdict != "clean":
            raise AssertionError(f"the ledger is not what it should be: {summary.verdict}")

    async def backend(self) -> int:
        """Return the id of the server process that does the work."""
        async with self.pool.acquire() as connection:
            return connection.get_server_pid()

    async def in_one_statement(self) -> None:
        """Check everything in one statement, which takes as long as it takes."""
        async with _scoped(self.pool) as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.fetchval(_ONE_STATEMENT, timeout=600)


@asynccontextmanager
async def worker_checks(database: DatabaseUrls) -> AsyncIterator[Checks]:
    """Give the drift check as the worker builds it, with its limits, on one connection."""
    limits = pool_limits(Settings(database_pool_max_size=1))
    async with open_pool(database.worker, limits) as pool:
        yield Checks(
            pool,
            PostgresDriftChecks(pool, 10, alerts_topic="loyalty-drift-alerts", source="/bench"),
        )


async def measure_checks(
    database: DatabaseUrls, shape: Shape, counted: Iterable[int]
) -> list[Figure]:
    """Check again and again, each way once a round; rates in entries per second."""
    rates: dict[str, list[float]] = defaultdict(list)
    rng = random.Random(1)
    async with connected(database.superuser) as superuser, worker_checks(database) as checks:
        await _sum_up(superuser)
        for _ in counted:
            floor, check = Watch(superuser.get_server_pid()), Watch(await checks.backend())
            # before and after, so that other work of the machine falls on both alike
            with floor.running():
                await _sum_up(superuser)
            with check.running():
                await checks.run(DEFAULT_LOAD)
            with floor.running():
                await _sum_up(superuser)
            statement = Watch(await checks.backend())
            with statement.running():
                await checks.in_one_statement()
            summed = 2 * _SUMS * shape.entries
            rates["floor"].append(summed / floor.seconds)
            rates["floor, processor"].append(summed / floor.processor_seconds)
            rates["check"].append(shape.entries / check.seconds)
            rates["check, processor"].append(shape.entries / check.processor_seconds)
            rates["statement"].append(shape.entries / statement.seconds)
            rates["player"].append(await _player_by_player(checks.pool, shape, rng))
    return _figures({name: Series(tuple(values)) for name, values in rates.items()})


def _figures(series: dict[str, Series]) -> list[Figure]:
    rate, ratio, floor = "entries/s", "of the bare sums", series["floor"]
    by_processor = series["check, processor"].over(series["floor, processor"])
    return [
        Figure("bare sums per player (GROUP BY), superuser", rate, floor),
        Figure("drift check, as it comes", rate, series["check"]),
        Figure("check_loyalty_balance_drift(), one statement", rate, series["statement"]),
        Figure(f"one query per player, sample of {_SAMPLE}", rate, series["player"]),
        Figure("drift check, as it comes", ratio, series["check"].over(floor), _NEEDED),
        Figure("the same, by processor time", ratio, by_processor),
        Figure("one statement", ratio, series["statement"].over(floor)),
        Figure("one query per player", ratio, series["player"].over(floor)),
    ]


async def _sum_up(superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
    for _ in range(_SUMS):
        await superuser.fetchrow(_FLOOR)


async def _player_by_player(pool: asyncpg.Pool, shape: Shape, rng: random.Random) -> float:
    """Return the rate of checking a sample of the players one by one."""
    sample = rng.sample(range(shape.players), min(_SAMPLE, shape.players))
    entries = 0
    async with _scoped(pool) as connection:
        query = await connection.prepare(_ONE_PLAYER)
        started = time.perf_counter()
        for number in sample:
            row = await query.fetchrow(*shape.player(number))
            if row is None or (row[0], row[1]) != (row[2], row[3]):
                raise AssertionError("the ledger is not what it should be")
            entries += row["entries"]
        return entries / (time.perf_counter() - started)


@asynccontextmanager
async def _scoped(pool: asyncpg.Pool) -> AsyncIterator["Connection"]:
    """Open a transaction that sees every casino."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_service_context(ARRAY(SELECT id FROM casino), 'benchmark')"
        )
        yield connection
