"""The seam to FastStream: a batch subscriber whose consume loop is ours.

FastStream keeps the application, its lifespan, the middlewares and the AsyncAPI document; which
partition is read when, where it starts, what is committed and how it backs off is decided in
`supervisor` and `partition`. FastStream's own loop commits the positions of all partitions at
once, runs one handler at a time and rewinds without delay. What would reopen this decision:
explicit offsets, concurrency per partition and a total parser in FastStream itself.

The seam is `_run_consume_loop`, `get_log_context`, `stop` and an object without a `__dict__`;
`tests/integration/test_faststream_seam.py` fails when an upgrade changes it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from faststream import AckPolicy
from faststream.exceptions import SetupError
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import StreamMessage

from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.domain.events import Decoded
from loyalty_worker.ports import Decoder
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
Consume = Callable[[Batch], Awaitable[Verdict | None]]
Post = Callable[[Batch, tuple[Decoded, ...]], Awaitable[Verdict]]
ObserveStage = Callable[[str, float], None]


class ConsumeLoop(Protocol):
    """What drives a subscriber: also the group's rebalance listener.

    `leave_timeout` is how many seconds the client may take to leave the group.
    """

    leave_timeout: float

    async def serve(self, consumer: AIOKafkaConsumer, consume: Consume) -> None:
        """Consume until cancelled."""
        ...

    async def drain(self) -> None:
        """Finish and commit what is in flight; fetch nothing more."""
        ...


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch with one decoded event per record, in order."""

    batch: Batch
    decoded: tuple[Decoded, ...]


class PartitionedSubscriber(BatchSubscriber):
    """A FastStream batch subscriber that hands the consumer to its listener, a `ConsumeLoop`."""

    __slots__ = ()

    async def _run_consume_loop(self, consumer: AIOKafkaConsumer) -> None:
        await self._loop().serve(consumer, self._consume_batch)

    async def _consume_batch(self, batch: Batch) -> Verdict | None:
        response = await self.consume(batch)
        return None if response is None else response.body

    async def stop(self) -> None:
        """Drain before FastStream cancels the loop, so that the last offsets are committed.

        Leaving the group asks the broker, and a silent one must not hold up the process: without
        the farewell the group forgets the member after the session timeout.
        """
        loop = self._loop()
        if self.running:
            await loop.drain()
        try:
            async with asyncio.timeout(loop.leave_timeout):
                await super().stop()
        except TimeoutError:
            _log.warning("group_not_left", group=self.group_id, seconds=loop.leave_timeout)

    def get_log_context(self, message: StreamMessage[Any] | None) -> dict[str, str]:
        """Return the log context; the stock one looks into records, and a batch may have none."""
        return self.build_log_context(message, ",".join(self.topic_names), self.group_id)

    def _loop(self) -> ConsumeLoop:
        return self._listener  # type: ignore[return-value]  # `subscribe` puts it there


async def parse_batch(batch: Batch) -> KafkaMessage:
    """Wrap a batch for FastStream; total: looks at no header and no value."""
    return KafkaMessage(
        body=b"",
        headers={},
        reply_to="",
        content_type=None,
        message_id=f"{batch.at}:{batch.start}-{batch.end}",
        correlation_id=f"{batch.at}:{batch.start}",
        raw_message=batch,
        path={},
        consumer=FAKE_CONSUMER,
    )


def subscribe(
    broker: KafkaBroker,
    *,
    topic: str,
    group: str,
    loop: ConsumerRebalanceListener,
    decoder: Decoder,
    post: Post,
    observe_stage: ObserveStage,
    client_options: dict[str, Any],
) -> PartitionedSubscriber:
    """Subscribe a group to a topic on `broker`; every unsafe default is stated here."""
    subscriber = broker.subscriber(
        topic,
        group_id=group,
        batch=True,
        listener=loop,
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        auto_offset_reset="none",
        isolation_level="read_committed",
        check_crcs=True,
        parser=parse_batch,
        decoder=_batch_decoder(decoder, observe_stage),
        **client_options,
    )
    subscriber.__class__ = PartitionedSubscriber
    if not isinstance(subscriber, PartitionedSubscriber):
        raise SetupError("FastStream's batch subscriber does not take our consume loop")

    @subscriber
    async def handle(message: DecodedBatch) -> Verdict:
        started = time.monotonic()
        with _mistakes_said(message.batch):
            verdict = await post(message.batch, message.decoded)
        observe_stage("database", time.monotonic() - started)
        return verdict

    return subscriber


@contextmanager
def _mistakes_said(batch: Batch) -> Iterator[None]:
    """Say what failed and where: FastStream gives an exception to nobody, the verdict is None."""
    try:
        yield
    except Exception:
        _log.exception(
            "batch_handler_failed",
            topic=batch.at.topic,
            partition=batch.at.partition,
            start=batch.start,
            end=batch.end,
            hint="a mistake in the worker: nothing was committed, the batch is tried again",
        )
        raise


def _batch_decoder(
    decoder: Decoder, observe_stage: ObserveStage
) -> Callable[[StreamMessage[Any]], Awaitable[DecodedBatch]]:
    async def decode(message: StreamMessage[Any]) -> DecodedBatch:
        started = time.monotonic()
        batch: Batch = message.raw_message
        with _mistakes_said(batch):
            decoded = tuple(decoder(record) for record in batch.records)
        observe_stage("decode", time.monotonic() - started)
        return DecodedBatch(batch, decoded)

    return decode
