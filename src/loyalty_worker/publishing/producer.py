"""Publishes records byte for byte, in order, each acknowledged by all replicas or not at all.

Sends are bounded here, because an idempotent producer's never time out, and a producer is built
anew after any failure, because an out-of-order sequence kills it for good.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from loyalty_worker.domain.records import Headers
from loyalty_worker.ports import Fault, OutgoingRecord
from loyalty_worker.publishing.client import end_producer, start_producer
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
# With the end of a producer shorter than the lease under which a relay publishes.
_TIMEOUT_SECONDS = 10.0
_NO_VALUE: Headers = (("dlq.value-omitted", b"true"),)
_ALL_OMITTED: Headers = (
    *_NO_VALUE,
    ("dlq.key-omitted", b"true"),
    ("dlq.headers-omitted", b"true"),
)


class KafkaPublisher:
    """A producer for each topic, started when first needed; `options` are an aiokafka client's.

    Each its own: a partition without a leader, or with too few replicas in sync, holds up what
    shares its connection, and a producer that ends takes with it what it still sends.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._producers: dict[str, AIOKafkaProducer] = {}

    async def publish(self, records: Sequence[OutgoingRecord]) -> int:
        """Publish to one topic in order; return how many, from the first, were acknowledged.

        Raises `Fault` where the first of them failed.
        """
        done = 0
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                for record in records:
                    await self._publish_one(record)
                    done += 1
        except asyncio.CancelledError:
            # it would go on sending, when somebody else may have the lease
            await self._end(records[done].topic)
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            topic = records[done].topic
            await self._end(topic)
            _log.warning(
                "publish_failed",
                topic=topic,
                row=records[done].id,
                error=type(error).__name__,
                hint="it is tried again, other topics go on; check the broker, that "
                "`loyalty topics create` made the topic, that its replicas are in sync, and that "
                "its max.message.bytes fits",
            )
            if done == 0:
                unreachable = isinstance(error, (KafkaConnectionError, OSError, TimeoutError))
                raise Fault("kafka_unreachable" if unreachable else "kafka_error") from None
        return done

    async def _publish_one(self, record: OutgoingRecord) -> None:
        refused: MessageSizeTooLargeError | None = None
        for form in _forms(record):
            try:
                await _send(await self._started(record.topic), form)
            except MessageSizeTooLargeError as error:
                refused = error
                # its sequence has a gap now, which the broker would refuse
                await self._end(record.topic)
            else:
                return
        if refused is not None:
            raise refused

    async def close(self) -> None:
        """Close the producers; the next use starts others."""
        await asyncio.gather(*(self._end(topic) for topic in list(self._producers)))

    async def _started(self, topic: str) -> AIOKafkaProducer:
        if topic not in self._producers:
            self._producers[topic] = await start_producer(self._options)
        return self._producers[topic]

    async def _end(self, topic: str) -> None:
        producer = self._producers.pop(topic, None)
        if producer is not None:
            await end_producer(producer)


def _forms(record: OutgoingRecord) -> Iterator[OutgoingRecord]:
    """Give a record, then what may be sent in its place where it is too large."""
    yield record
    if record.may_omit_value:
        yield replace(record, value=None, about=(*record.about, *_NO_VALUE))
        yield replace(
            record, key=None, value=None, headers=(), about=(*record.about, *_ALL_OMITTED)
        )


async def _send(producer: AIOKafkaProducer, record: OutgoingRecord) -> None:
    partitions = await _partitions(producer, record.topic)
    await producer.send_and_wait(
        record.topic,
        (record.value,),  # wrapped: aiokafka refuses a record whose key and value are both null
        record.key,
        partition=None if record.lane is None else partitions[record.lane % len(partitions)],
        headers=[*record.headers, *record.about],
    )


async def _partitions(producer: AIOKafkaProducer, topic: str) -> list[int]:
    """Return a topic's partitions; a topic that is missing is an error.

    `producer.partitions_for` would have a broker of the usual settings create it.
    """
    known = producer.client.cluster.partitions_for_topic(topic)
    if known is None:
        everything = await producer.client.fetch_all_metadata()
        known = everything.partitions_for_topic(topic)
    if known is None:
        raise UnknownTopicOrPartitionError(topic)
    return sorted(known)
