"""A group's supervisor between a shutdown and a rebalance, as members of a real group."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.partition import PartitionContext, PartitionLimits, PartitionTask
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.position import PartitionPositions
from loyalty_worker.consumers.subscriber import Consume
from loyalty_worker.consumers.supervisor import GroupSupervisor
from loyalty_worker.domain.events import DecodeReason, Undecodable
from parts.source import Part
from parts.topics import committed_offsets, publish
from simulation.database import FakeLedger, Server
from simulation.weather import Process, Weather
from simulation.worker import Silent
from slips import Message

_LIMITS = PartitionLimits(
    max_records=10,
    max_wait=0.05,
    idle_wait=0.5,
    commit_timeout=5.0,
    backoff_first=0.1,
    backoff_max=1.0,
    position_check_interval=60.0,
)
_GARBAGE = Undecodable(DecodeReason.EVENT_UNDECODABLE, "for the test")


class Member(GroupSupervisor):
    """A member of the group whose batches wait for `gate`; tells when it gives its place up."""

    def __init__(self, kafka: str, topic: str, group: str, server: Server) -> None:
        weather = Weather(random.Random(0))
        weather.is_clear = True
        ledger = FakeLedger(server, Process(1), weather)
        self.inspector = LogInspector(lambda: AIOKafkaConsumer(bootstrap_servers=kafka), 5.0)
        self.context = PartitionContext(
            PartitionPositions(ledger, self.inspector, group), _LIMITS, asyncio.Semaphore(4)
        )
        super().__init__(
            self._task,
            cast("GroupReport", Silent()),
            drain_timeout=20.0,
            leave_timeout=5.0,
            on_fatal=lambda _reason: None,
        )
        self.post = PostBatch(ledger, group, BreakerLimits(1.0, 1000, 1000))
        self.gate, self.posting = asyncio.Event(), asyncio.Event()
        self.asked, self.gave_up = asyncio.Event(), asyncio.Event()
        self.client = AIOKafkaConsumer(
            bootstrap_servers=kafka,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            heartbeat_interval_ms=100,
            rebalance_timeout_ms=30_000,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        )
        self.client.subscribe([topic], listener=self)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            self.asked.set()
        await super().on_partitions_revoked(revoked)
        if revoked:
            self.gave_up.set()

    async def consume(self, batch: Batch) -> Verdict:
        self.posting.set()
        await self.gate.wait()
        return await self.post(batch, [_GARBAGE for _ in batch.records])

    def _task(
        self, tp: TopicPartition, consumer: AIOKafkaConsumer, consume: Consume
    ) -> PartitionTask:
        return PartitionTask(tp, consumer, consume, self.context, cast("PartitionReport", Silent()))


@asynccontextmanager
async def serving(member: Member) -> AsyncIterator[None]:
    """Be a member of the group until the end; the place in it comes later."""
    task = asyncio.create_task(_serve(member))
    try:
        yield
    finally:
        member.gate.set()
        await member.drain()
        task.cancel()
        await asyncio.wait({task})
        await member.client.stop()
        await member.inspector.close()


async def _serve(member: Member) -> None:
    await member.client.start()  # returns when the rebalance is over
    await member.serve(member.client, member.consume)


async def test_a_rebalance_during_a_shutdown_waits_until_the_batch_in_flight_is_committed(
    kafka: Part, topic: str
) -> None:
    group, server = f"{topic}-group", Server()
    first, second = (Member(kafka.address, topic, group, server) for _ in range(2))
    second.gate.set()
    await publish(kafka.address, topic, [Message(None, b"x", ()) for _ in range(3)])
    async with asyncio.timeout(30), serving(first):
        await first.posting.wait()
        shutdown = asyncio.create_task(first.drain())
        await asyncio.sleep(0)
        async with serving(second):
            await first.asked.wait()
            await asyncio.sleep(0.5)
            assert not first.gave_up.is_set()
            assert not shutdown.done()
            first.gate.set()
            await first.gave_up.wait()
            assert await committed_offsets(kafka.address, group, topic) == {0: 3}
            await shutdown


async def test_a_drain_that_is_cut_short_leaves_its_batch_to_the_next_one(
    kafka: Part, topic: str
) -> None:
    group = f"{topic}-group"
    member = Member(kafka.address, topic, group, Server())
    await publish(kafka.address, topic, [Message(None, b"x", ())])
    async with asyncio.timeout(30), serving(member):
        await member.posting.wait()
        shutdown = asyncio.create_task(member.drain())
        await asyncio.sleep(0)
        shutdown.cancel()
        await asyncio.wait({shutdown})
        again = asyncio.create_task(member.drain())
        await asyncio.sleep(0.1)
        assert not again.done()
        member.gate.set()
        await again
        assert await committed_offsets(kafka.address, group, topic) == {0: 1}
