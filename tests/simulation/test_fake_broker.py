"""The broker in memory and a real one pass the same scenarios: the simulation is about both."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol, cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, OffsetOutOfRangeError

from loyalty_worker.consumers.inspector import Bounds, LogInspector
from loyalty_worker.consumers.supervisor import GroupSupervisor
from loyalty_worker.domain.records import PartitionId
from parts.kafka import create_topic, delete_topics, topic_name
from simulation.broker import Broker, Log
from simulation.consumer import FakeConsumer, FakeInspector
from simulation.group import Group, Member
from simulation.weather import Process, Weather

GROUP = "group"


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Keeps what a member was given last; `may_leave` holds up its next rebalance."""

    def __init__(self) -> None:
        self.assigned: set[int] | None = None
        self.is_asked = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.may_leave.set()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            self.is_asked.set()
            await self.may_leave.wait()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self.assigned = {tp.partition for tp in assigned}


async def true_soon(holds: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


@dataclass(eq=False)
class Joined:
    """A member of the group: its client, and what the group told it."""

    client: AIOKafkaConsumer
    listener: Listener

    async def until(self, *partitions: int) -> None:
        await true_soon(lambda: self.listener.assigned == set(partitions))


class Bench(Protocol):
    """A topic of two partitions and a group on a broker of either kind."""

    topic: str
    inspector: LogInspector

    async def write(self, partition: int, *values: bytes) -> None: ...

    async def abort(self, partition: int) -> None:
        """Leave offsets behind that hold no record for anybody."""

    async def recreate(self) -> None: ...

    async def join(self) -> Joined: ...

    async def leave(self, member: Joined) -> None: ...


@dataclass
class FakeBench:
    """The broker in memory, as the simulation uses it."""

    topic: str = "topic"
    groups: list[asyncio.Task[None]] = field(default_factory=list)
    members: dict[Joined, Member] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.weather = Weather(random.Random(0))
        self.weather.is_clear = True
        ids = [PartitionId(self.topic, number) for number in range(2)]
        self.broker = Broker({at: Log(at) for at in ids}, lambda *_: None)
        self.group = Group(
            GROUP, self.topic, self.broker, self.weather, rebalance_seconds=_REBALANCE_SECONDS
        )
        fake = FakeInspector(self.broker, Process(0), self.weather)
        self.inspector = cast("LogInspector", fake)
        self.groups.append(asyncio.create_task(self.group.run()))

    async def write(self, partition: int, *values: bytes) -> None:
        for value in values:
            self.broker.logs[PartitionId(self.topic, partition)].append(value)

    async def abort(self, partition: int) -> None:
        self.broker.logs[PartitionId(self.topic, partition)].leave_out(2)

    async def recreate(self) -> None:
        self.broker.recreate(self.topic)

    async def join(self) -> Joined:
        client = FakeConsumer(self.broker, GROUP, Process(1), self.weather)
        joined = Joined(cast("AIOKafkaConsumer", client), Listener())
        listener = cast("GroupSupervisor", joined.listener)
        self.members[joined] = Member(client.process, client, listener)
        self.group.members.append(self.members[joined])
        self.group.change()
        return joined

    async def leave(self, member: Joined) -> None:
        self.group.members.remove(self.members[member])
        self.group.change()


_REBALANCE_SECONDS = 1.0


@dataclass
class RealBench:
    """Kafka. A transaction that is aborted leaves its record and its marker behind."""

    address: str
    topic: str
    stack: AsyncExitStack
    group: str = field(default_factory=lambda: f"{GROUP}-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.inspector = LogInspector(
            lambda: AIOKafkaConsumer(
                bootstrap_servers=self.address, isolation_level="read_committed"
            ),
            5.0,
        )
        self.stack.push_async_callback(self.inspector.close)

    async def write(self, partition: int, *values: bytes) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.address) as producer:
            for value in values:
                await producer.send_and_wait(self.topic, value, partition=partition)

    async def abort(self, partition: int) -> None:
        before = (await self.inspector.bounds(PartitionId(self.topic, partition))).end
        async with AIOKafkaProducer(
            bootstrap_servers=self.address, transactional_id=uuid.uuid4().hex
        ) as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(self.topic, b"aborted", partition=partition)
            await producer.abort_transaction()
        at = PartitionId(self.topic, partition)
        while (await self.inspector.bounds(at)).end < before + 2:  # the marker comes later
            await asyncio.sleep(0.02)

    async def recreate(self) -> None:
        await delete_topics(self.address, [self.topic])
        while True:
            try:
                await create_topic(self.address, self.topic, 2)
            except RuntimeError:  # the broker is still deleting
                await asyncio.sleep(0.05)
            else:
                return

    async def join(self) -> Joined:
        client = AIOKafkaConsumer(
            bootstrap_servers=self.address,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            heartbeat_interval_ms=100,
            metadata_max_age_ms=500,
            rebalance_timeout_ms=int(_REBALANCE_SECONDS * 1000),
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        )
        listener = Listener()
        client.subscribe([self.topic], listener=listener)
        starting = asyncio.create_task(client.start())  # returns when it has its place
        self.stack.push_async_callback(client.stop)
        self.stack.callback(starting.cancel)
        return Joined(client, listener)

    async def leave(self, member: Joined) -> None:
        await member.client.stop()


@pytest.fixture(params=["fake", "real"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            fake = FakeBench()
            yield fake
            for task in fake.groups:
                task.cancel()
            return
        kafka = request.getfixturevalue("kafka")
        topic = topic_name()
        await create_topic(kafka.address, topic, 2)
        yield RealBench(kafka.address, topic, stack)
    await delete_topics(kafka.address, [topic])


async def test_what_is_committed_is_read_back_by_every_later_member(bench: Bench) -> None:
    tp = TopicPartition(bench.topic, 0)
    await bench.write(0, b"a", b"b", b"c")
    first = await bench.join()
    await first.until(0, 1)
    assert await first.client.committed(tp) is None
    await commit(first, tp, 2)
    assert await first.client.committed(tp) == 2
    await commit(first, tp, 1)
    await bench.leave(first)
    second = await bench.join()
    await second.until(0, 1)
    assert await second.client.committed(tp) == 1
    assert await second.client.committed(TopicPartition(bench.topic, 1)) is None


async def test_a_fetch_begins_where_it_is_told_and_moves_the_position_behind_the_last_record(
    bench: Bench,
) -> None:
    tp = TopicPartition(bench.topic, 0)
    await bench.write(0, b"a", b"b", b"c")
    member = await bench.join()
    await member.until(0, 1)
    member.client.seek(tp, 1)
    assert await fetched(member, tp, 2) == [(1, b"b"), (2, b"c")]
    assert await member.client.position(tp) == 3
    assert await member.client.getmany(tp, timeout_ms=50, max_records=10) == {}
    member.client.pause(tp)
    member.client.seek(tp, 0)
    assert await member.client.getmany(tp, timeout_ms=50, max_records=10) == {}
    member.client.resume(tp)
    assert await fetched(member, tp, 3) == [(0, b"a"), (1, b"b"), (2, b"c")]


async def test_offsets_without_a_record_lie_within_the_bounds_and_are_passed(bench: Bench) -> None:
    tp, at = TopicPartition(bench.topic, 0), PartitionId(bench.topic, 0)
    assert await bench.inspector.bounds(at) == Bounds(0, 0)
    await bench.write(0, b"a")
    await bench.abort(0)
    await bench.write(0, b"b")
    await bench.abort(0)
    assert await bench.inspector.bounds(at) == Bounds(0, 6)
    found = [await bench.inspector.first_record_from(at, offset) for offset in (0, 1, 4)]
    assert [one and (one.offset, one.value) for one in found] == [(0, b"a"), (3, b"b"), None]
    member = await bench.join()
    await member.until(0, 1)
    member.client.seek(tp, 0)
    assert await fetched(member, tp, 2) == [(0, b"a"), (3, b"b")]
    while await member.client.position(tp) < 6:
        assert await member.client.getmany(tp, timeout_ms=50, max_records=10) in ({}, {tp: []})


async def test_two_members_own_each_partition_once_and_one_that_stays_owns_all(
    bench: Bench,
) -> None:
    first = await bench.join()
    await first.until(0, 1)
    second = await bench.join()
    await true_soon(lambda: is_shared(first, second))
    assert first.listener.is_asked.is_set()
    await bench.leave(first)
    await second.until(0, 1)


async def test_a_member_that_missed_a_rebalance_commits_nothing(bench: Bench) -> None:
    tp = TopicPartition(bench.topic, 0)
    await bench.write(0, b"a", b"b", b"c")
    zombie = await bench.join()
    await zombie.until(0, 1)
    await commit(zombie, tp, 1)
    zombie.listener.may_leave.clear()
    heir = await bench.join()
    await true_soon(zombie.listener.is_asked.is_set)
    await heir.until(0, 1)
    await commit(heir, tp, 2)
    with pytest.raises(CommitFailedError):
        await commit(zombie, tp, 3)
    assert await heir.client.committed(tp) == 2
    zombie.listener.may_leave.set()
    await true_soon(lambda: is_shared(zombie, heir))


async def test_a_member_that_is_asked_to_leave_still_commits_until_it_does(bench: Bench) -> None:
    tp = TopicPartition(bench.topic, 0)
    first = await bench.join()
    await first.until(0, 1)
    first.listener.may_leave.clear()
    second = await bench.join()
    await true_soon(first.listener.is_asked.is_set)
    await commit(first, tp, 1)
    first.listener.may_leave.set()
    await true_soon(lambda: is_shared(first, second))
    assert await second.client.committed(tp) == 1


async def test_a_topic_that_is_created_again_has_no_offsets_and_refuses_former_positions(
    bench: Bench,
) -> None:
    tp, at = TopicPartition(bench.topic, 0), PartitionId(bench.topic, 0)
    await bench.write(0, b"a", b"b", b"c")
    member = await bench.join()
    await member.until(0, 1)
    await commit(member, tp, 3)
    await bench.leave(member)
    await bench.recreate()
    assert await bench.inspector.bounds(at) == Bounds(0, 0)
    later = await bench.join()
    await later.until(0, 1)
    assert await later.client.committed(tp) is None
    later.client.seek(tp, 3)
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await fetched(later, tp, 1)
    assert raised.value.args[0] == {tp: 3}
    await commit(later, tp, 3)  # nobody compares it with the log
    assert await later.client.committed(tp) == 3


async def commit(member: Joined, tp: TopicPartition, offset: int) -> None:
    await member.client.commit({tp: OffsetAndMetadata(offset, "")})


async def fetched(
    member: Joined, tp: TopicPartition, count: int
) -> Sequence[tuple[int, bytes | None]]:
    """Fetch until there are so many records."""
    found: list[tuple[int, bytes | None]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            chunk = await member.client.getmany(tp, timeout_ms=200, max_records=10)
            found += [(record.offset, record.value) for record in chunk.get(tp, [])]
    return found


def is_shared(*members: Joined) -> bool:
    """Say whether each member has one partition of the two, and no two have the same."""
    return sorted(sorted(m.listener.assigned or ()) for m in members) == [[0], [1]]
