"""A handler that hangs is noticed, though the client library would not mind."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from loyalty_worker.application.batches import Batch, Posted, Verdict
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.partition import PartitionContext, PartitionLimits, PartitionTask
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.position import PartitionPositions
from loyalty_worker.consumers.subscriber import Consume, subscribe
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
        return Posted((), 0)


async def test_a_hanging_handler_turns_liveness_false_until_it_returns(
    kafka: Part, topic: str, database: DatabaseUrls
) -> None:
    health = Health(limit_seconds=2)
    metrics = Metrics(topics=[topic], dead_letter_reasons=[], fault_reasons=[])
    report = GroupReport("watchdog", topic, health, metrics)
    handler = HangingHandler()
    broker = KafkaBroker(
        kafka.address,
        logger=None,
        apply_types=False,
        consumer_only=True,
        allow_auto_create_topics=False,
    )
    inspector = LogInspector(
        lambda: AIOKafkaConsumer(bootstrap_servers=kafka.address, enable_auto_commit=False), 5
    )
    async with open_pool(database.worker, POOL) as pool:
        ledger = PostgresLedger(pool, 5, metrics.db_pool_acquire_seconds.observe)
        context = PartitionContext(
            PartitionPositions(ledger, inspector, topic), LIMITS, asyncio.Semaphore(2)
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
            loop=GroupSupervisor(build, report, 5, lambda _reason: None),
            decoder=SlipDecoder(),
            post=handler,
            observe_stage=lambda _stage, _seconds: None,
            client_options={},
        )
        await broker.start()
        async with asyncio.timeout(30):
            while not health.ready().ok:
                await asyncio.sleep(0.05)
        assert health.live().ok
        await publish(kafka.address, topic, [Message(None, b"{}")])
        async with asyncio.timeout(30):
            while health.live().ok:
                await asyncio.sleep(0.05)
        assert topic in health.live().reasons[0]
        handler.let_go.set()
        async with asyncio.timeout(30):
            while not health.live().ok:
                await asyncio.sleep(0.05)
        await broker.stop()
        await inspector.close()
    assert health.live().ok
