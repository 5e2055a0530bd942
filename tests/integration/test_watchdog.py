"""A handler that hangs is noticed, though the client library would not mind."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from conftest import TopicFactory
from loyalty_worker.application.batches import Batch, Posted, Verdict
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.partition import PartitionContext, PartitionLimits, PartitionTask
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.position import PartitionPositions
from loyalty_worker.consumers.subscriber import Consume
from loyalty_worker.consumers.subscription import subscribe
from loyalty_worker.consumers.supervisor import GroupSupervisor
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics
from parts.source import Part
from parts.topics import publish
from slips import Message

LIMITS = PartitionLimits(
    max_records=10,
    max_wait=0.01,
    idle_wait=0.2,
    commit_timeout=5,
    backoff_first=0.1,
    backoff_max=1,
    position_check_interval=60,
)
POOL = PoolLimits(
    max_size=4,
    connect_timeout_seconds=5,
    statement_timeout_ms=5000,
    lock_timeout_ms=5000,
    idle_in_transaction_timeout_ms=5000,
    close_timeout_seconds=5,
)


class HangingHandler:
    """Posts nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    async def __call__(self, _batch: Batch, _decoded: tuple[Decoded, ...]) -> Verdict:
        await self.let_go.wait()
        return Posted((), 0, 1)


class CountedSemaphore(asyncio.Semaphore):
    """Counts who asked for a turn."""

    asked = 0

    async def acquire(self) -> Literal[True]:
        self.asked += 1
        return await super().acquire()


@dataclass
class Consuming:
    """A running consumer whose handler hangs; `clock` is added to the time that its probes see."""

    topic: str
    kafka: str
    health: Health
    handler: HangingHandler
    turns: CountedSemaphore
    clock: float = 0.0

    async def publish(self, *partitions: int) -> None:
        """Publish one record to each partition."""
        await publish(self.kafka, self.topic, [Message(None, b"{}", (), p) for p in partitions])

    async def until_live(self, *, live: bool) -> None:
        """Wait until the probe says so."""
        async with asyncio.timeout(30):
            while self.health.live().ok is not live:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def consuming(
    kafka: str, topic: str, database: DatabaseUrls, batches_in_flight: int
) -> AsyncIterator[Consuming]:
    health = Health(2, lambda: time.monotonic() + running.clock)
    running = Consuming(topic, kafka, health, HangingHandler(), CountedSemaphore(batches_in_flight))
    metrics = Metrics(topics=[topic], dead_letter_reasons=[], fault_reasons=[])
    report = GroupReport("watchdog", topic, health, metrics, {})
    broker = KafkaBroker(
        kafka, logger=None, apply_types=False, consumer_only=True, allow_auto_create_topics=False
    )
    inspector = LogInspector(
        lambda: AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False), 5
    )
    async with open_pool(database.worker, POOL) as pool:
        ledger = PostgresLedger(pool, 5, metrics.db_pool_acquire_seconds.observe)
        context = PartitionContext(
            PartitionPositions(ledger, inspector, topic), LIMITS, running.turns
        )

        def build(
            tp: TopicPartition, consumer: AIOKafkaConsumer, consume: Consume
        ) -> PartitionTask:
            partition = PartitionReport(report, PartitionId(tp.topic, tp.partition))
            return PartitionTask(tp, consumer, consume, context, partition)

        subscribe(
            broker,
            topic=topic,
            group=topic,
            loop=GroupSupervisor(
                build, report, drain_timeout=5, leave_timeout=5, on_fatal=lambda _reason: None
            ),
            decoder=SlipDecoder(),
            post=running.handler,
            observe_stage=lambda _stage, _seconds: None,
            client_options={},
        )
        await broker.start()
        async with asyncio.timeout(30):
            while not health.ready().ok:
                await asyncio.sleep(0.05)
        yield running
        running.handler.let_go.set()
        await broker.stop()
        await inspector.close()


async def test_a_hanging_handler_turns_liveness_false_until_it_returns(
    kafka: Part, topic: str, database: DatabaseUrls
) -> None:
    async with consuming(kafka.address, topic, database, batches_in_flight=2) as running:
        assert running.health.live().ok
        await running.publish(0)
        await running.until_live(live=False)
        assert topic in running.health.live().reasons[0]
        running.handler.let_go.set()
        await running.until_live(live=True)
    assert running.health.live().ok


async def test_a_batch_that_waits_for_its_turn_does_not_count_as_hanging(
    kafka: Part, create_topic: TopicFactory, database: DatabaseUrls
) -> None:
    topic = await create_topic(3)
    async with consuming(kafka.address, topic, database, batches_in_flight=1) as running:
        await running.publish(0, 1, 2)
        async with asyncio.timeout(30):
            while running.turns.asked < 3:
                await asyncio.sleep(0.05)
        running.clock = 60.0
        stopped = [reason for reason in running.health.live().reasons if topic in reason]
        assert len([reason for reason in stopped if reason.startswith("partition")]) == 1
        running.handler.let_go.set()
        await running.until_live(live=True)
