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
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from aiokafka import AIOKafkaConsumer
from faststream.exceptions import SetupError
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import StreamMessage

from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.telemetry.logs import get_logger

Consume: TypeAlias = Callable[[Batch], Awaitable[Verdict | None]]

_log = get_logger(__name__)


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
            _log.warning(
                "group_not_left",
                group=self.group_id,
                seconds=loop.leave_timeout,
                hint="the broker did not answer; it forgets the member after the session timeout",
            )

    def get_log_context(self, message: StreamMessage[Any] | None) -> dict[str, str]:
        """Return the log context; the stock one looks into records, and a batch may have none."""
        return self.build_log_context(message, ",".join(self.topic_names), self.group_id)

    def _loop(self) -> ConsumeLoop:
        return self._listener  # type: ignore[return-value]  # `subscribe` puts it there


def take_over(subscriber: BatchSubscriber) -> PartitionedSubscriber:
    """Make a subscriber of FastStream ours; raises `SetupError` where it no longer fits."""
    subscriber.__class__ = PartitionedSubscriber
    if not isinstance(subscriber, PartitionedSubscriber):
        raise SetupError("FastStream's batch subscriber does not take our consume loop")
    return subscriber
