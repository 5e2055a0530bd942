"""A drift check that waits for long is alive: nobody may kill the worker amid a step."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faststream.kafka import KafkaBroker

from conftest import TopicFactory
from loyalty_worker.app import drift
from loyalty_worker.app.consumer import Shared
from loyalty_worker.application.check_drift import ChunkLimits
from loyalty_worker.consumers.partition_report import partition_key
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.settings import Settings
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics
from parts.drift import FINISHED, DriftHouse, drift_house, request
from parts.source import Part
from sqltools import connected, seem_busy, value_of

STALL_SECONDS = 2.0
LONG_PAUSES = 1e-6
TIMES = 3
POOL = PoolLimits(
    max_size=4,
    connect_timeout_seconds=5,
    statement_timeout_ms=60_000,
    lock_timeout_ms=60_000,
    idle_in_transaction_timeout_ms=60_000,
    close_timeout_seconds=5,
)
LATCH = "SELECT pg_advisory_lock(1)"
# A step that is to be held up waits for whoever holds the latch.
HELD_UP = """
CREATE FUNCTION wait_for_latch() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
GRANT EXECUTE ON FUNCTION wait_for_latch() TO PUBLIC;
CREATE TRIGGER held_up BEFORE {} FOR EACH ROW {} EXECUTE FUNCTION wait_for_latch();
"""
CHUNK_HELD_UP = HELD_UP.format("INSERT ON drift_finding", "")
CLOSE_HELD_UP = HELD_UP.format("UPDATE ON drift_check_run", "WHEN (NEW.finished_at IS NOT NULL)")
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
PAUSING = "SELECT (max(players_checked) > 0)::integer FROM drift_check_run"


@dataclass
class Answering:
    """The consumer of a house's requests; `clock` is added to the time that its probes see."""

    key: str
    health: Health
    clock: float = 0.0

    @property
    def is_missed(self) -> bool:
        """Whether the partition of requests turns liveness false."""
        return any(reason.startswith(self.key) for reason in self.health.live().reasons)

    async def outlives_the_limit(self) -> None:
        """Wait until liveness is true again after a time beyond its limit."""
        self.clock += 10 * STALL_SECONDS
        async with asyncio.timeout(10):
            while self.is_missed:
                await asyncio.sleep(0.05)


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[DriftHouse]:
    async with drift_house(database, kafka.address, create_topic, directory) as house:
        yield house


@asynccontextmanager
async def answering(house: DriftHouse) -> AsyncIterator[Answering]:
    """Run the consumer of requests as a worker does, with probes of the test's own."""
    health = Health(STALL_SECONDS, lambda: time.monotonic() + running.clock)
    running = Answering(partition_key(PartitionId(house.requests, 0)), health)
    settings = Settings(
        kafka_bootstrap_servers=house.kafka,
        kafka_group_prefix=house.slips,
        topic_drift_check_requested=house.requests,
        topic_drift_alerts=house.alerts,
        drift_check_load=LONG_PAUSES,
        stall_timeout_seconds=STALL_SECONDS,
    )
    metrics = Metrics(topics=[house.requests], dead_letter_reasons=[], fault_reasons=[])
    broker = KafkaBroker(house.kafka, logger=None, apply_types=False, consumer_only=True)
    async with open_pool(house.database.worker, POOL) as pool:
        ledger = PostgresLedger(pool, 5, metrics.db_pool_acquire_seconds.observe)
        turns = asyncio.Semaphore(1)
        shared = Shared(settings, broker, ledger, health, metrics, turns, lambda _reason: None)
        watch = asyncio.create_task(drift.drift_consumer(pool, shared).watch())
        await broker.start()
        try:
            yield running
        finally:
            await broker.stop()
            watch.cancel()
            await asyncio.wait([watch])


@pytest.mark.parametrize("held_up", [CHUNK_HELD_UP, CLOSE_HELD_UP], ids=["chunk", "close"])
async def test_a_step_that_takes_longer_than_the_limit_is_no_stall(
    house: DriftHouse, held_up: str
) -> None:
    await house.plant(1, balance=5)
    async with connected(house.database.superuser) as superuser, answering(house) as running:
        await superuser.execute(held_up + LATCH)
        await house.ask(request("slow"))
        await house.until(WAITING, 1)
        for _ in range(TIMES):
            await running.outlives_the_limit()
        assert await superuser.fetchval(FINISHED) == 0
        await superuser.execute("SELECT pg_advisory_unlock(1)")
        await house.answered()
    assert [run["verdict"] for run in await house.runs()] == ["drift"]


async def test_a_pause_longer_than_the_limit_is_no_stall_and_ends_where_the_partition_is_given_up(
    house: DriftHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "_DRAIN_SECONDS", 0.1)
    await house.plant(ChunkLimits().players + 1)
    await seem_busy(house.database)
    async with answering(house) as running:
        await house.ask(request("long"))
        await house.until(PAUSING, 1)
        for _ in range(TIMES):
            await running.outlives_the_limit()
        assert await value_of(house.database, FINISHED) == 0
    running.clock += 10 * STALL_SECONDS
    assert not running.is_missed
