"""Publishes records byte for byte, in order, each acknowledged by all replicas or not at all.

A raw aiokafka producer: FastStream cannot send binary header values. Its sends are bounded here,
because an idempotent producer's never time out, and it is built anew after any failure, because
an out-of-order sequence kills it for good.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from loyalty_worker.domain.records import Headers
from loyalty_worker.ports import Fault, OutgoingRecord
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
_TIMEOUT_SECONDS = 30.0
# The client compares with this before it sends; the broker's own limit is what should decide.
_MAX_REQUEST_BYTES = 64 * 1024 * 1024
_OMITTED: Headers = (("dlq.value-omitted", b"true"),)


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
                raise Fault("kafka_unreachable") from None
        return done

    async def _publish_one(self, record: OutgoingRecord) -> None:
        try:
            await _send(await self._started(), record)
        except MessageSizeTooLargeError:
            if not record.may_omit_value:
                raise
            await self.close()  # its sequence has a gap now, which the broker would refuse
            bare = replace(record, value=None, headers=(*record.headers, *_OMITTED))
            await _send(await self._started(), bare)

    async def close(self) -> None:
        """Close the producer; the next use starts another one."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS / 6):
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
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer


async def _send(producer: AIOKafkaProducer, record: OutgoingRecord) -> None:
    partitions = sorted(await producer.partitions_for(record.topic))
    await producer.send_and_wait(
        record.topic,
        record.value,
        record.key,
        partition=partitions[record.lane % len(partitions)],
        headers=list(record.headers),
    )
