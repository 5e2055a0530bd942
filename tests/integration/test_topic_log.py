"""A range of a log, read for a person: whole, bounded, and never waited for without end."""

import time

import pytest
from aiokafka import AIOKafkaProducer

from conftest import TopicFactory
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.ports.coverage import LogBounds
from loyalty_worker.publishing.topic_log import KafkaTopicLog, open_topic_log
from loyalty_worker.publishing.topics import KafkaUnavailable
from parts.kafka import create_topic as make_topic
from parts.source import Part
from parts.topics import delete_records, publish
from slips import Message


def numbered(count: int, partition: int = 0) -> list[Message]:
    return [Message(None, str(number).encode(), (), partition) for number in range(count)]


async def read(log: KafkaTopicLog, at: PartitionId, start: int, end: int) -> list[int]:
    return [one.offset async for records in log.read(at, start, end) for one in records]


async def test_a_range_ends_where_it_should_though_nothing_but_markers_is_left(
    kafka: Part, create_topic: TopicFactory
) -> None:
    topic = await create_topic(2)
    first, second = PartitionId(topic, 0), PartitionId(topic, 1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=topic)
    async with producer:
        async with producer.transaction():
            for number in range(3):
                await producer.send(topic, str(number).encode(), partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.abort_transaction()
    await publish(kafka.address, topic, numbered(1200, 1))
    started = time.monotonic()
    async with open_topic_log({"bootstrap_servers": [kafka.address]}) as log:
        # three records, the marker of the commit, the aborted record and its marker
        assert await log.bounds(topic) == {first: LogBounds(0, 6), second: LogBounds(0, 1200)}
        assert await log.bounds(f"{topic}-unheard-of") == {}
        assert await read(log, first, 0, 6) == [0, 1, 2]
        assert await read(log, second, 7, 1100) == list(range(7, 1100))
        assert await read(log, first, 1, 2) == [1]
        assert await read(log, first, 6, 6) == []
    assert time.monotonic() - started < 15


async def test_records_that_expire_meanwhile_are_passed_over(kafka: Part, topic: str) -> None:
    at = PartitionId(topic, 0)
    await publish(kafka.address, topic, numbered(20))
    async with open_topic_log({"bootstrap_servers": [kafka.address]}) as log:
        await delete_records(kafka.address, topic, 15)
        assert await read(log, at, 3, 20) == list(range(15, 20))
        with pytest.raises(KafkaUnavailable, match="the topic was created again"):
            await read(log, at, 30, 40)


async def test_a_broker_that_falls_silent_ends_the_reading_with_what_to_check(
    private_kafka: EmbeddedKafka,
) -> None:
    kafka = private_kafka.bootstrap_servers
    await make_topic(kafka, "topic", 1)
    await publish(kafka, "topic", numbered(600))
    async with open_topic_log({"bootstrap_servers": [kafka]}, silence_seconds=1) as log:
        assert len(await read(log, PartitionId("topic", 0), 0, 600)) == 600
        private_kafka.pause()
        try:
            with pytest.raises(KafkaUnavailable, match="gave nothing of topic/0 from offset 100"):
                await read(log, PartitionId("topic", 0), 100, 600)
        finally:
            private_kafka.resume()
