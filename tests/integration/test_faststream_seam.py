"""The seam to FastStream and aiokafka: fails loudly when an upgrade changes it."""

import asyncio
import inspect
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import BatchSubscriber, LogicSubscriber
from structlog.testing import capture_logs

from loyalty_worker.application.batches import Batch, Posted, Verdict
from loyalty_worker.consumers.subscriber import Consume, PartitionedSubscriber
from loyalty_worker.consumers.subscription import subscribe
from loyalty_worker.domain.events import Decoded, DecodeReason, Undecodable
from loyalty_worker.domain.records import PartitionId, Record
from parts.source import Part


class RecordingLoop(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Hands one batch to FastStream and keeps what comes back."""

    leave_timeout = 10.0

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.verdicts: list[Verdict | None] = []
        self.consumer: AIOKafkaConsumer | None = None
        self.drained = False

    async def on_partitions_assigned(self, assigned: Any) -> None: ...  # noqa: ANN401

    async def on_partitions_revoked(self, revoked: Any) -> None: ...  # noqa: ANN401

    async def serve(self, consumer: AIOKafkaConsumer, consume: Consume) -> None:
        self.consumer = consumer
        self.verdicts.append(await consume(self.batch))

    async def drain(self) -> None:
        self.drained = True


def refuse_all(_record: Record) -> Decoded:
    return Undecodable(DecodeReason.EVENT_UNDECODABLE, "for the test")


def subscribed(
    broker: KafkaBroker, topic: str, loop: RecordingLoop, verdict: Verdict | Exception
) -> tuple[PartitionedSubscriber, list[tuple[Batch, tuple[Decoded, ...]]]]:
    posted: list[tuple[Batch, tuple[Decoded, ...]]] = []

    async def post(batch: Batch, decoded: tuple[Decoded, ...]) -> Verdict:
        posted.append((batch, decoded))
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    subscriber = subscribe(
        broker,
        topic=topic,
        group=f"seam-{topic}",
        loop=loop,
        decoder=refuse_all,
        post=post,
        observe_stage=lambda _stage, _seconds: None,
        client_options={"partition_assignment_strategy": (RoundRobinPartitionAssignor,)},
    )
    return subscriber, posted


def broker_on(address: str) -> KafkaBroker:
    return KafkaBroker(
        address, logger=None, apply_types=False, consumer_only=True, allow_auto_create_topics=False
    )


def batch_with(*values: bytes | None) -> Batch:
    headers = (("reply_to", b"elsewhere"), ("wild", b"\xff"), ("none", None))
    records = tuple(
        Record("t", 0, offset, 0, None, value, headers) for offset, value in enumerate(values)
    )
    return Batch(PartitionId("t", 0), 1, 0, max(1, len(values)), records)


async def test_a_batch_goes_through_faststream_untouched_and_its_verdict_comes_back(
    kafka: Part, topic: str
) -> None:
    loop = RecordingLoop(batch_with(b"\xff\x00", None))
    broker = broker_on(kafka.address)
    _, posted = subscribed(broker, topic, loop, Posted((), 0, 1))
    await broker.start()
    while not loop.verdicts:
        await asyncio.sleep(0.01)
    await broker.stop()
    assert loop.verdicts == [Posted((), 0, 1)]
    assert posted[0][0] is loop.batch
    assert len(posted[0][1]) == 2
    assert loop.drained


async def test_a_batch_without_records_goes_through_as_well(kafka: Part, topic: str) -> None:
    loop = RecordingLoop(batch_with())
    broker = broker_on(kafka.address)
    subscribed(broker, topic, loop, Posted((), 0, 1))
    await broker.start()
    while not loop.verdicts:
        await asyncio.sleep(0.01)
    await broker.stop()
    assert loop.verdicts == [Posted((), 0, 1)]


async def test_what_a_handler_raises_is_said_and_comes_back_as_no_verdict(
    kafka: Part, topic: str
) -> None:
    loop = RecordingLoop(batch_with(b"x"))
    broker = broker_on(kafka.address)
    subscribed(broker, topic, loop, RuntimeError("for the test"))
    with capture_logs() as logs:
        await broker.start()
        while not loop.verdicts:
            await asyncio.sleep(0.01)
        await broker.stop()
    assert loop.verdicts == [None]
    (said,) = [line for line in logs if line["event"] == "batch_handler_failed"]
    assert (said["partition"], said["start"], said["end"]) == (0, 0, 1)
    assert said["exc_info"]


async def test_the_client_is_built_with_no_unsafe_default(kafka: Part, topic: str) -> None:
    loop = RecordingLoop(batch_with(b"x"))
    broker = broker_on(kafka.address)
    subscriber, _ = subscribed(broker, topic, loop, Posted((), 0, 1))
    await broker.start()
    consumer = subscriber.consumer
    assert consumer is not None
    try:
        assert subscriber.ack_policy is AckPolicy.MANUAL
        assert subscriber._no_reply
        assert consumer._enable_auto_commit is False
        assert consumer._auto_offset_reset == "none"
        assert consumer._isolation_level == "read_committed"
        assert consumer._check_crcs is True
        assert consumer._key_deserializer is consumer._value_deserializer is None
        assert consumer._partition_assignment_strategy == (RoundRobinPartitionAssignor,)
        assert subscriber._listener is loop
    finally:
        await broker.stop()


def test_the_parts_of_the_libraries_that_the_seam_uses_are_still_there() -> None:
    assert "__dict__" not in dir(BatchSubscriber.__slots__)
    assert PartitionedSubscriber.__slots__ == ()
    assert list(inspect.signature(LogicSubscriber._run_consume_loop).parameters) == [
        "self",
        "consumer",
    ]
    assert inspect.iscoroutinefunction(LogicSubscriber.consume)
    assert "_coordinator" in inspect.getsource(AIOKafkaConsumer.getmany)
