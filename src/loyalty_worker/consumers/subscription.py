"""How a group subscribes to a topic: settings, a total parser, our decoder, one handler."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka.abc import ConsumerRebalanceListener
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.message import StreamMessage

from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.consumers.subscriber import PartitionedSubscriber, take_over
from loyalty_worker.domain.events import Decoded
from loyalty_worker.ports import Decoder
from loyalty_worker.telemetry.logs import get_logger

Post: TypeAlias = Callable[[Batch, tuple[Decoded, ...]], Awaitable[Verdict]]
ObserveStage: TypeAlias = Callable[[str, float], None]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch with one decoded event per record, in order."""

    batch: Batch
    decoded: tuple[Decoded, ...]


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
    stock = broker.subscriber(
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
    subscriber = take_over(stock)

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
    except Exception:  # said here, and raised on
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
