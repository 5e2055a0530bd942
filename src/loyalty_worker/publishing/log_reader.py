"""Looks at a topic's log for a person: where it begins, and one record."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.kafka_records import record_of
from loyalty_worker.publishing.topics import KafkaUnavailable, existing_topics

_DEADLINE_SECONDS = 30.0
_FETCH_MS = 5_000


async def log_starts(
    options: Mapping[str, Any], partitions: Sequence[PartitionId]
) -> dict[PartitionId, int]:
    """Return the first offset of each partition. Raises `KafkaUnavailable`."""
    async with _reader(options) as consumer:
        starts = await consumer.beginning_offsets(
            [TopicPartition(at.topic, at.partition) for at in partitions]
        )
    return {PartitionId(tp.topic, tp.partition): start for tp, start in starts.items()}


async def record_at(options: Mapping[str, Any], at: PartitionId, offset: int) -> Record | None:
    """Return the record at exactly this offset; None where there is none.

    Raises `KafkaUnavailable`.
    """
    tp = TopicPartition(at.topic, at.partition)
    found = await existing_topics(options, [at.topic])
    if at.topic not in found or at.partition >= found[at.topic].partitions:
        return None
    async with _reader(options) as consumer:
        consumer.assign([tp])
        start = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        if not start <= offset < end:
            return None
        consumer.seek(tp, offset)
        fetched = await consumer.getmany(tp, timeout_ms=_FETCH_MS, max_records=1)
    for record in fetched.get(tp, ()):
        if record.offset == offset:
            return record_of(record)
    return None


@asynccontextmanager
async def _reader(options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    place = ",".join(options["bootstrap_servers"])
    consumer = AIOKafkaConsumer(
        **options,
        client_id="loyalty-cli",
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await consumer.start()
            yield consumer
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(
            f"Kafka at {place} failed ({type(error).__name__}); "
            "check LOYALTY_KAFKA_BOOTSTRAP_SERVERS and the broker"
        ) from None
    finally:
        await consumer.stop()
