"""Looks at a topic's log from outside the group: bounds, and single records.

A client of its own, without a group, because `end_offsets` on the busy consumer queues behind its
poll, and because `highwater` freezes on a paused partition (both measured with aiokafka 0.14).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError

from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.kafka_records import record_of
from loyalty_worker.ports import Fault


@dataclass(frozen=True, slots=True)
class Bounds:
    """A log's first offset, and the offset after its last readable record."""

    beginning: int
    end: int


@contextmanager
def kafka_faults() -> Iterator[None]:
    """Turn what aiokafka raises into `Fault`."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise Fault("kafka_unreachable") from error


class LogInspector:
    """One group-less client, opened when first needed and opened anew after a failure."""

    def __init__(self, build: Callable[[], AIOKafkaConsumer], timeout_seconds: float) -> None:
        self._build = build
        self._timeout = timeout_seconds
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        self._failures = 0

    async def bounds(self, at: PartitionId) -> Bounds:
        """Return the partition's bounds, as a reader of committed records sees them."""
        tp = TopicPartition(at.topic, at.partition)
        async with self._turn():
            consumer = await self._open()
            beginnings = await consumer.beginning_offsets([tp])
            ends = await consumer.end_offsets([tp])
        return Bounds(beginnings[tp], ends[tp])

    async def ends(self, partitions: Collection[PartitionId]) -> dict[PartitionId, int]:
        """Return the end offset of each partition."""
        tps = {TopicPartition(at.topic, at.partition): at for at in partitions}
        async with self._turn():
            ends = await (await self._open()).end_offsets(list(tps))
        return {tps[tp]: end for tp, end in ends.items()}

    async def first_record_from(self, at: PartitionId, offset: int) -> Record | None:
        """Return the first record at or after `offset`; None where none is or none can be read."""
        tp = TopicPartition(at.topic, at.partition)
        async with self._turn():
            consumer = await self._open()
            if offset >= (await consumer.end_offsets([tp]))[tp]:
                return None
            consumer.assign([tp])
            consumer.seek(tp, offset)
            try:
                fetched = await consumer.getmany(
                    tp, timeout_ms=int(self._timeout * 500), max_records=1
                )
            except (CorruptRecordException, UnicodeDecodeError):
                return None  # whoever consumes the partition meets the same record, and says so
            finally:
                consumer.unsubscribe()
        records = fetched.get(tp)
        return record_of(records[0]) if records else None

    async def close(self) -> None:
        """Close the client."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for the client, and bound its use.

        Who waited while somebody else's turn failed fails as well, without another timeout: a
        broker that is silent would otherwise hold up many partitions for many timeouts.
        """
        failures = self._failures
        async with self._lock:
            if self._failures != failures:
                raise Fault("kafka_unreachable")
            try:
                with kafka_faults():
                    async with asyncio.timeout(self._timeout):
                        yield
            except Fault:
                self._failures += 1
                await self.close()
                raise

    async def _open(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = self._build()
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer
