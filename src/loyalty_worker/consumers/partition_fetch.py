"""Fetches one partition's records, and lets a drain interrupt the wait."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from loyalty_worker.domain.records import Record
from loyalty_worker.kafka_records import UNREADABLE, RawRecord, record_of
from loyalty_worker.ports import Fault, NeedsPersonError

# A compressed megabyte can hold a gigabyte: a batch ends when it is so large, and looks so often.
_FULL_BYTES = 16 * 1024 * 1024
_CHUNK_RECORDS = 100


class PartitionFetcher:
    """Takes what is there, one partition a call.

    aiokafka's `getmany` over several partitions loses what it had drained from the others when
    one of them raises; over one partition it does not.
    """

    def __init__(
        self,
        tp: TopicPartition,
        consumer: AIOKafkaConsumer,
        draining: asyncio.Event,
        *,
        max_records: int,
        max_wait: float,
        idle_wait: float,
    ) -> None:
        self._tp = tp
        self._consumer = consumer
        self._draining = draining
        self._max_records = max_records
        self._max_wait = max_wait
        self._idle_wait = idle_wait
        self._had_traffic = False

    async def fetch(self, position: int) -> tuple[Record, ...]:
        """Return records from `position` on; waits `idle_wait` seconds for the first.

        A lone record is returned at once; while there is traffic, up to `max_wait` seconds are
        spent on filling the batch. Raises `Fault`, aiokafka's `KafkaError`, and
        `NeedsPersonError` for a record that aiokafka cannot read at all; the records before it
        are returned first.
        """
        with contextlib.suppress(*UNREADABLE):
            return await self._fetch(position, _CHUNK_RECORDS)
        # Nothing was taken: again, one by one, up to the record itself.
        try:
            return await self._fetch(position, 1)
        except UnicodeDecodeError:
            raise NeedsPersonError(
                "record_unreadable",
                f"the record at offset {position} has a header whose name is not UTF-8, which the "
                "client library cannot read; find its producer, and have the record expire or be "
                "deleted once it was published again without that header",
            ) from None

    async def _fetch(self, position: int, chunk_records: int) -> tuple[Record, ...]:
        loop = asyncio.get_running_loop()
        records: list[RawRecord] = []
        size, wait, linger_until = 0, self._idle_wait, 0.0
        while len(records) < self._max_records and size < _FULL_BYTES:
            wanted = min(chunk_records, self._max_records - len(records))
            try:
                chunk = await self._poll(wanted, wait, position)
            except UNREADABLE:
                if not records:
                    raise
                break  # what was taken is posted first: the position has passed it
            linger_until = linger_until or loop.time() + self._max_wait
            records += chunk
            size += sum(len(record.value or b"") for record in chunk)
            if len(chunk) == wanted:
                wait = 0.0  # there may be more already
                continue
            wait = linger_until - loop.time()
            if not chunk or not self._had_traffic or wait <= 0:
                break
        self._had_traffic = len(records) > 1
        return tuple(record_of(record) for record in records)

    async def _poll(self, max_records: int, wait: float, position: int) -> list[RawRecord]:
        getting = asyncio.ensure_future(
            self._consumer.getmany(
                self._tp, timeout_ms=max(1, int(wait * 1000)), max_records=max_records
            )
        )
        drained = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({getting, drained}, return_when=asyncio.FIRST_COMPLETED)
            # A drain must not wait for a fetch: during a rebalance aiokafka answers only after it.
            return getting.result().get(self._tp, []) if getting.done() else []
        except NoOffsetForPartitionError:
            return []  # from before the seek: the task decides where to start, not the offset
        except OffsetOutOfRangeError as error:
            if error.args and error.args[0].get(self._tp) != position:
                return []  # the same: the answer to a fetch from before the seek
            raise Fault("offset_out_of_range") from error
        finally:
            getting.cancel()
            drained.cancel()
