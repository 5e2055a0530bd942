"""Publishes records byte for byte, in order, each acknowledged by all replicas or not at all.

A raw aiokafka producer: FastStream cannot send binary header values. Its sends are bounded here,
because an idempotent producer's never time out, and it is built anew after any failure, because
an out-of-order sequence kills it for good.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
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
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
# Together shorter than the lease under which a relay publishes.
_TIMEOUT_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
# The client compares with this before it sends; the broker's own limit is what should decide.
_MAX_REQUEST_BYTES = 64 * 1024 * 1024
_NO_VALUE: Headers = (("dlq.value-omitted", b"true"),)
_ALL_OMITTED: Headers = (
    *_NO_VALUE,
    ("dlq.key-omitted", b"true"),
    ("dlq.headers-omitted", b"true"),
)


class KafkaPublisher:
    """One producer, started when it is first needed; `options` are an aiokafka client's."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, records: Sequence[OutgoingRecord]) -> int:
        """Publish in order; return how many, from the first, the broker acknowledged.

        Raises `Fault` where the first of them failed.
        """
        done = 0
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                for record in records:
                    await self._publish_one(record)
                    done += 1
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            _log.warning(
                "publish_failed",
                topic=records[done].topic,
                row=records[done].id,
                error=type(error).__name__,
                hint="it is tried again; check the broker, and that `loyalty topics create` "
                "made the topic",
            )
            if done == 0:
                unreachable = isinstance(error, (KafkaConnectionError, OSError, TimeoutError))
                raise Fault("kafka_unreachable" if unreachable else "kafka_error") from None
        return done

    async def _publish_one(self, record: OutgoingRecord) -> None:
        refused: MessageSizeTooLargeError | None = None
        for form in _forms(record):
            try:
                await _send(await self._started(), form)
            except MessageSizeTooLargeError as error:
                refused = error
                await self.close()  # its sequence has a gap now, which the broker would refuse
            else:
                return
        if refused is not None:
            raise refused

    async def close(self) -> None:
        """Close the producer; the next use starts another one."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("producer_not_closed", error=type(error).__name__)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._options,
                client_id="loyalty-relay",
                enable_idempotence=True,
                acks="all",
                max_request_size=_MAX_REQUEST_BYTES,
                value_serializer=itemgetter(0),
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer


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
