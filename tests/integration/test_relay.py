"""The relay on its own: what it publishes, in which order, and what it does when it cannot."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.cluster import ClusterMetadata

from conftest import TopicFactory
from loyalty_worker.app.duties import Duty, do_duty
from loyalty_worker.application.relay import Relay
from loyalty_worker.database.leases import PostgresLeases
from loyalty_worker.database.outbox import LetterCopies
from loyalty_worker.database.sqlstates import FAULT_REASONS
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import Fault, Outbox, OutgoingRecord, Publisher
from loyalty_worker.publishing import producer
from loyalty_worker.publishing.producer import KafkaPublisher
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics
from parts.kafka import admin
from parts.kafka import create_topic as make_topic
from parts.source import Part
from parts.topics import end_offsets
from sqlletters import VALUE, file_letters
from sqltools import connected


class OneRecordEach:
    """An outbox with one record for each topic; `marked` are the rows that were published."""

    def __init__(self, *topics: str) -> None:
        self._topics = topics
        self.marked: list[int] = []

    async def pending(self, _limit: int) -> list[OutgoingRecord]:
        return [
            OutgoingRecord(row, topic, None, b"", b"", ()) for row, topic in enumerate(self._topics)
        ]

    async def published(self, ids: Sequence[int]) -> None:
        self.marked += ids


class SilentOutbox(OneRecordEach):
    """An outbox whose database does not answer."""

    async def pending(self, _limit: int) -> list[OutgoingRecord]:
        await asyncio.Event().wait()
        return []


class WaitsForTheOthers:
    """A publisher that fails on the first topic, but not before every other is published."""

    def __init__(self, topics: int) -> None:
        self._missing = topics - 1
        self._others = asyncio.Event()

    async def publish(self, records: Sequence[OutgoingRecord]) -> int:
        if records[0].id == 0:
            await self._others.wait()
            raise Fault("kafka_unreachable")
        self._missing -= 1
        if self._missing == 0:
            self._others.set()
        return len(records)


class UnmarkedCopies(LetterCopies):
    """An outbox of which the database goes away between publication and mark."""

    async def published(self, _ids: Sequence[int]) -> None:
        raise Fault("database_unreachable")


@pytest.fixture
async def pool(database: DatabaseUrls) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    async with asyncpg.create_pool(database.worker, min_size=1, max_size=4) as opened:
        yield opened


@asynccontextmanager
async def publisher_on(kafka: str) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher({"bootstrap_servers": kafka})
    try:
        yield publisher
    finally:
        await publisher.close()


def relay_of(outbox: Outbox, publisher: Publisher) -> Relay:
    """Return a relay that no round's length ends."""
    return Relay(outbox, publisher, 60.0)


async def letters_on(database: DatabaseUrls, topic: str, partition: int, *offsets: int) -> None:
    async with connected(database.worker) as worker:
        await file_letters(
            worker, *offsets, topic=topic, partition=partition, record=f"{partition}"
        )


async def read(kafka: str, topic: str) -> dict[int, list["ConsumerRecord[bytes, bytes]"]]:
    """Return all that is on a topic, by partition."""
    ends = await end_offsets(kafka, topic)
    found: dict[int, list[ConsumerRecord[bytes, bytes]]] = {p: [] for p in ends}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    async with consumer, asyncio.timeout(20):
        consumer.assign([TopicPartition(topic, p) for p in ends])
        await consumer.seek_to_beginning()
        for _ in range(sum(ends.values())):
            one = await consumer.getone()
            found[one.partition].append(one)
    return found


def origin(copy: "ConsumerRecord[bytes, bytes]") -> tuple[int, int]:
    told = dict(copy.headers)
    return int(told["dlq.original-partition"]), int(told["dlq.original-offset"])


async def test_copies_of_one_partition_stay_together_and_in_their_order(
    database: DatabaseUrls,
    pool: "asyncpg.Pool[asyncpg.Record]",
    kafka: Part,
    create_topic: TopicFactory,
) -> None:
    topic = await create_topic(1)
    copies = f"{topic}.dlq"
    await make_topic(kafka.address, copies, 2)
    for start in range(0, 90, 30):
        for partition in range(3):
            await letters_on(database, topic, partition, *range(start, start + 30))
    async with publisher_on(kafka.address) as publisher:
        relay = relay_of(LetterCopies(pool, 5.0, {topic: "base_accrual"}), publisher)
        assert [await relay() for _ in range(3)] == [200, 70, 0]
    found = await read(kafka.address, copies)
    for partition, lanes in ((0, (0, 2)), (1, (1,))):
        origins = [origin(copy) for copy in found[partition]]
        for lane in lanes:
            assert [offset for at, offset in origins if at == lane] == list(range(90))
        assert {at for at, _ in origins} == set(lanes)
    assert {copy.value for copy in (*found[0], *found[1])} == {VALUE}


async def test_what_was_published_but_not_marked_is_published_again(
    database: DatabaseUrls,
    pool: "asyncpg.Pool[asyncpg.Record]",
    kafka: Part,
    create_topic: TopicFactory,
) -> None:
    topic = await create_topic(1)
    await make_topic(kafka.address, f"{topic}.dlq", 1)
    await letters_on(database, topic, 0, 7, 8)
    async with publisher_on(kafka.address) as publisher:
        with pytest.raises(Fault, match="database_unreachable"):
            await relay_of(UnmarkedCopies(pool, 5.0, {}), publisher)()
        relay = relay_of(LetterCopies(pool, 5.0, {}), publisher)
        assert [await relay(), await relay()] == [2, 0]
    found = await read(kafka.address, f"{topic}.dlq")
    assert [origin(copy)[1] for copy in found[0]] == [7, 8, 7, 8]


async def test_a_copy_too_large_in_any_part_or_with_no_part_at_all_stops_no_other(
    kafka: Part, create_topic: TopicFactory
) -> None:
    topic = await create_topic(1, {"max.message.bytes": "20000"})
    about = (("dlq.reason", b"EVENT_UNDECODABLE"),)
    large = b"x" * 30_000
    records = [
        OutgoingRecord(1, topic, 0, b"key", b"value", (("mine", large),), about, True),
        OutgoingRecord(2, topic, 0, large, b"value", (("mine", b"a"),), about, True),
        OutgoingRecord(3, topic, 0, b"key", large, (("mine", b"a"),), about, True),
        OutgoingRecord(4, topic, 0, None, None, (("mine", b"a"),), about, True),
    ]
    async with publisher_on(kafka.address) as publisher:
        assert await publisher.publish(records) == 4
    of_headers, of_key, of_value, empty = (await read(kafka.address, topic))[0]
    omitted = [("dlq.value-omitted", b"true")]
    nothing = [*omitted, ("dlq.key-omitted", b"true"), ("dlq.headers-omitted", b"true")]
    for copy in (of_headers, of_key):
        assert (copy.key, copy.value, list(copy.headers)) == (None, None, [*about, *nothing])
    assert (of_value.key, of_value.value) == (b"key", None)
    assert list(of_value.headers) == [("mine", b"a"), *about, *omitted]
    assert (empty.key, empty.value) == (None, None)
    assert list(empty.headers) == [("mine", b"a"), *about]


async def test_what_may_not_be_shortened_is_refused_and_what_came_before_it_counts(
    kafka: Part, create_topic: TopicFactory
) -> None:
    topic = await create_topic(1, {"max.message.bytes": "20000"})
    large = OutgoingRecord(2, topic, 0, None, b"x" * 30_000, ())
    async with publisher_on(kafka.address) as publisher:
        assert await publisher.publish([OutgoingRecord(1, topic, 0, None, b"a", ()), large]) == 1
        with pytest.raises(Fault, match="kafka_error"):
            await publisher.publish([large])
        assert await publisher.publish([OutgoingRecord(3, topic, 0, None, b"b", ())]) == 1
    assert [copy.value for copy in (await read(kafka.address, topic))[0]] == [b"a", b"b"]


async def test_a_missing_topic_is_not_made_even_by_a_broker_that_would(
    database: DatabaseUrls, pool: "asyncpg.Pool[asyncpg.Record]", directory: Path
) -> None:
    await letters_on(database, "slips", 0, 1)
    with EmbeddedKafka(directory, {"auto.create.topics.enable": "true"}) as broker:
        async with publisher_on(broker.bootstrap_servers) as publisher:
            relay = relay_of(LetterCopies(pool, 5.0, {}), publisher)
            with pytest.raises(Fault, match="kafka_error"):
                await relay()
            assert await topics_of(broker.bootstrap_servers) == []
            await make_topic(broker.bootstrap_servers, "slips.dlq", 1)
            assert await relay() == 1


async def test_a_missing_topic_holds_up_no_other(
    database: DatabaseUrls,
    pool: "asyncpg.Pool[asyncpg.Record]",
    kafka: Part,
    create_topic: TopicFactory,
) -> None:
    topic = await create_topic(1)
    await make_topic(kafka.address, f"{topic}.dlq", 1)
    await letters_on(database, "a-topic-nobody-made", 0, 1, 2)
    await letters_on(database, topic, 0, 1, 2, 3)
    async with publisher_on(kafka.address) as publisher:
        relay = relay_of(LetterCopies(pool, 5.0, {}), publisher)
        for _ in range(2):
            with pytest.raises(Fault, match="kafka_error"):
                await relay()
    assert len((await read(kafka.address, f"{topic}.dlq"))[0]) == 3


async def test_topics_are_published_side_by_side() -> None:
    outbox = OneRecordEach("a", "b", "c")
    async with asyncio.timeout(5):
        with pytest.raises(Fault, match="kafka_unreachable"):
            await relay_of(outbox, WaitsForTheOthers(3))()
    assert sorted(outbox.marked) == [1, 2]


async def test_a_mistake_of_ours_is_not_hidden_by_a_fault_of_another_topic() -> None:
    class Mistaken:
        async def publish(self, records: Sequence[OutgoingRecord]) -> int:
            if records[0].topic == "a":
                raise Fault("kafka_error")
            raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        await relay_of(OneRecordEach("a", "b"), Mistaken())()


async def test_a_round_that_is_cut_off_while_it_publishes_leaves_nothing_that_sends(
    kafka: Part, topic: str
) -> None:
    known = asyncio.all_tasks()
    with pytest.MonkeyPatch.context() as patched:
        without_leader(patched, topic)
        async with publisher_on(kafka.address) as publisher:
            relay = Relay(OneRecordEach(topic), publisher, 2.0)
            with pytest.raises(Fault, match="kafka_unreachable"):
                await relay()
            assert asyncio.all_tasks() == known
    assert (await read(kafka.address, topic))[0] == []


async def test_without_a_broker_a_round_ends_as_a_fault_and_marks_nothing() -> None:
    outbox = OneRecordEach("a", "b")
    async with asyncio.timeout(5), publisher_on(f"{HOST}:{free_port()}") as publisher:
        with pytest.raises(Fault, match="kafka_unreachable"):
            await relay_of(outbox, publisher)()
    assert outbox.marked == []


async def test_a_round_ends_in_time_though_the_database_does_not_answer() -> None:
    relay = Relay(SilentOutbox(), WaitsForTheOthers(1), 0.01)
    async with asyncio.timeout(5):
        with pytest.raises(Fault, match="database_timeout"):
            await relay()


async def test_a_topic_without_a_leader_holds_up_no_other_and_nothing_goes_on_sending_to_it(
    database: DatabaseUrls,
    pool: "asyncpg.Pool[asyncpg.Record]",
    kafka: Part,
    create_topic: TopicFactory,
) -> None:
    topic = await create_topic(1)
    leaderless = f"a-{topic}"  # the first, where one comes after the other
    await letters_on(database, leaderless, 0, 1, 2)
    await letters_on(database, topic, 0, 1, 2, 3)
    for name in (leaderless, topic):
        await make_topic(kafka.address, f"{name}.dlq", 1)
    copies = LetterCopies(pool, 5.0, {})
    known = asyncio.all_tasks()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(producer, "_TIMEOUT_SECONDS", 1.0)
        without_leader(patched, f"{leaderless}.dlq")
        async with asyncio.timeout(30), publisher_on(kafka.address) as publisher:
            while len(await copies.pending(10)) > 2:
                with pytest.raises(Fault, match="kafka_unreachable"):
                    await relay_of(copies, publisher)()
    assert asyncio.all_tasks() == known
    assert len((await read(kafka.address, f"{topic}.dlq"))[0]) == 3
    async with publisher_on(kafka.address) as publisher:
        assert await relay_of(copies, publisher)() == 2
    found = await read(kafka.address, f"{leaderless}.dlq")
    assert [origin(copy)[1] for copy in found[0]] == [1, 2]


def without_leader(patched: pytest.MonkeyPatch, topic: str) -> None:
    """Let clients see a topic's partitions without a leader; a broker that is alone leads all."""
    leader_of = ClusterMetadata.leader_for_partition

    def leader_for_partition(cluster: ClusterMetadata, partition: TopicPartition) -> int | None:
        leader: int | None = leader_of(cluster, partition)
        return None if partition.topic == topic else leader

    patched.setattr(ClusterMetadata, "leader_for_partition", leader_for_partition)


async def topics_of(kafka: str) -> list[str]:
    client: AIOKafkaAdminClient
    async with admin(kafka) as client:
        return [name for name in await client.list_topics() if not name.startswith("__")]


async def test_of_two_processes_one_has_the_duty_until_it_ends(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    done: list[str] = []

    def duty_of(holder: str) -> "asyncio.Task[None]":
        async def run() -> bool:
            done.append(holder)
            if done.count(holder) == 2:
                raise Fault("kafka_unreachable")
            return False

        duty = Duty("relay", 0.01, run)
        leases = PostgresLeases(pool, 5.0, holder)
        metrics = Metrics(topics=[], dead_letter_reasons=[], fault_reasons=FAULT_REASONS)
        return asyncio.create_task(do_duty(duty, leases, Health(60.0), metrics))

    async def until(holder: str, times: int) -> None:
        async with asyncio.timeout(10):
            while done.count(holder) < times:
                await asyncio.sleep(0.01)

    first = duty_of("first")
    await until("first", 1)
    second = duty_of("second")
    await until("first", 5)
    assert "second" not in done
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    done.clear()
    await until("second", 3)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert set(done) == {"second"}
