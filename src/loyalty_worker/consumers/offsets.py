"""Commits one partition's offsets to Kafka, explicitly, after the database has the batch."""

import asyncio

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from loyalty_worker.consumers.inspector import kafka_faults
from loyalty_worker.consumers.partition_report import PartitionReport


class PartitionOffsets:
    """What the group has committed of one partition, and what it still has to.

    aiokafka's and FastStream's own ways commit the positions of all partitions at once, also of
    those whose batch is still in flight.
    """

    def __init__(
        self,
        tp: TopicPartition,
        consumer: AIOKafkaConsumer,
        timeout_seconds: float,
        report: PartitionReport,
    ) -> None:
        self._tp = tp
        self._consumer = consumer
        self._timeout = timeout_seconds
        self._report = report
        self._due: int | None = None

    def due(self, offset: int | None) -> None:
        """Say what the next commit is to be; None where nothing is due."""
        self._due = offset

    async def committed(self) -> int | None:
        """Return the committed offset, None where there is none. Raises `Fault`."""
        with kafka_faults():
            async with asyncio.timeout(self._timeout):
                committed: int | None = await self._consumer.committed(self._tp)
        return committed

    async def commit(self) -> None:
        """Commit what is due; a failure is reported, and due again at the next call."""
        if self._due is None:
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self._timeout):
                await self._consumer.commit({self._tp: OffsetAndMetadata(self._due, "")})
        except (KafkaError, TimeoutError) as error:
            # The database has the batch; a redelivery is a duplicate. The next round commits.
            self._report.commit_failed(type(error).__name__)
        else:
            self._report.committed(self._due, loop.time() - started)
            self._due = None
