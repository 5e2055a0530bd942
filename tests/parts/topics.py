"""What is on a topic, and how far a group is, seen from outside the worker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from slips import Message


@asynccontextmanager
async def publisher(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    """Give a started producer that repeats by itself what an outage swallowed."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, linger_ms=5, max_request_size=2_000_000
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]) -> None:
    """Publish in order; return once the broker has acknowledged all."""
    sent = [
        await producer.send(topic, m.value, m.key, m.partition, headers=list(m.headers))
        for m in messages
    ]
    await asyncio.gather(*sent)


async def publish(kafka: str, topic: str, messages: Sequence[Message]) -> None:
    """Publish in order, each acknowledged by the broker."""
    async with publisher(kafka) as producer:
        await send(producer, topic, messages)


async def end_offsets(kafka: str, topic: str) -> dict[int, int]:
    """Return each partition's end."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka)
    async with consumer:
        partitions = sorted(consumer.partitions_for_topic(topic) or ())
        ends = await consumer.end_offsets([TopicPartition(topic, p) for p in partitions])
    return {tp.partition: offset for tp, offset in ends.items()}


async def delete_records(kafka: str, topic: str, before: int) -> None:
    """Let the log of a topic's first partition begin at `before`, as when records expire."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})
    finally:
        await client.close()


async def committed_offsets(kafka: str, group: str, topic: str) -> dict[int, int]:
    """Return each partition's committed offset, where there is one."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        offsets = await client.list_consumer_group_offsets(group)
    except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
        return {}  # a fresh broker has no coordinator until its first group joins
    finally:
        await client.close()
    return {tp.partition: o.offset for tp, o in offsets.items() if tp.topic == topic}


async def until_no_lag(kafka: str, group: str, topic: str, seconds: float = 60.0) -> None:
    """Wait until the group has committed everything that is on the topic."""
    wanted: dict[int, int] = {}
    committed: dict[int, int] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                wanted = {p: end for p, end in (await end_offsets(kafka, topic)).items() if end}
                committed = await committed_offsets(kafka, group, topic)
                if all(committed.get(p) == end for p, end in wanted.items()):
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"lag stays: ends {wanted}, committed {committed}") from None
