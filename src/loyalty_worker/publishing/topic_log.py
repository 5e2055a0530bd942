"""Reads ranges of a topic's log for a person: with an assignment of its own, without a group."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.kafka_records import UNREADABLE, record_of
from loyalty_worker.ports.coverage import LogBounds
from loyalty_worker.publishing.topics import KafkaUnavailable, existing_topics

_BATCH = 500
_FETCH_MS = 2_000
_START_SECONDS = 30.0


class KafkaTopicLog:
    """Reads one partition at a time; every method raises `KafkaUnavailable`.

    A broker that gives nothing for `silence_seconds`, though there should be more, has failed.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, options: Mapping[str, Any], silence_seconds: float
    ) -> None:
        self._consumer = consumer
        self._options = options
        self._silence = silence_seconds

    async def bounds(self, topic: str) -> dict[PartitionId, LogBounds]:
        """Return the bounds of each partition; none where there is no such topic."""
        # asking for a topic by name could create it, so the list comes first
        found = await existing_topics(self._options, [topic])
        if topic not in found:
            return {}
        tps = [TopicPartition(topic, number) for number in range(found[topic].partitions)]
        with _named(self._options):
            starts = await self._consumer.beginning_offsets(tps)
            ends = await self._consumer.end_offsets(tps)
        return {PartitionId(topic, tp.partition): LogBounds(starts[tp], ends[tp]) for tp in tps}

    async def read(self, at: PartitionId, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Yield the records of offsets `start` to `end` - 1 that are there, in order."""
        if start >= end:
            return
        loop = asyncio.get_running_loop()
        tp = TopicPartition(at.topic, at.partition)
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        position, silent_since = start, loop.time()
        while position < end:
            with _named(self._options):
                try:
                    fetched = await self._fetch(tp, position, min(_BATCH, end - position))
                except OffsetOutOfRangeError:
                    await self._skip_expired(tp, position)
                    fetched = []
                before, position = position, await self._consumer.position(tp)
            records = [record_of(raw) for raw in fetched if raw.offset < end]
            if records:
                yield records
            if position > before:
                silent_since = loop.time()
            elif loop.time() - silent_since > self._silence:
                raise KafkaUnavailable(
                    f"Kafka gave nothing of {at} from offset {position} on for"
                    f" {self._silence:g} s, though its log goes to {end - 1}; check the broker,"
                    " and run the command again"
                )

    async def _fetch(self, tp: TopicPartition, position: int, wanted: int) -> Sequence[Any]:
        try:
            fetched = await self._consumer.getmany(tp, timeout_ms=_FETCH_MS, max_records=wanted)
        except UNREADABLE:
            # nothing was taken: one by one, up to the record itself, which may lie beyond
            try:
                fetched = await self._consumer.getmany(tp, timeout_ms=_FETCH_MS, max_records=1)
            except UNREADABLE:
                raise KafkaUnavailable(
                    f"the record at offset {position} of {tp.topic}/{tp.partition} cannot be"
                    " read by the client library: it is broken, or the name of a header is not"
                    " UTF-8. Look at it with another client; the audit goes on once it is gone"
                ) from None
        records: Sequence[Any] = fetched.get(tp, ())
        return records

    async def _skip_expired(self, tp: TopicPartition, position: int) -> None:
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        if start <= position:
            raise KafkaUnavailable(
                f"the log of {tp.topic}/{tp.partition} ended before offset {position} while it was"
                " read: the topic was created again; run the command again"
            )
        self._consumer.seek(tp, start)


@asynccontextmanager
async def open_topic_log(
    options: Mapping[str, Any], silence_seconds: float = 30.0
) -> AsyncIterator[KafkaTopicLog]:
    """Connect; `options` are an aiokafka client's. Raises `KafkaUnavailable`."""
    consumer = AIOKafkaConsumer(
        **options,
        client_id="loyalty-cli",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        check_crcs=True,
    )
    try:
        with _named(options):
            async with asyncio.timeout(_START_SECONDS):
                await consumer.start()
        yield KafkaTopicLog(consumer, options, silence_seconds)
    finally:
        await consumer.stop()


@contextmanager
def _named(options: Mapping[str, Any]) -> Iterator[None]:
    """Turn what aiokafka raises into `KafkaUnavailable`."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(
            f"Kafka at {','.join(options['bootstrap_servers'])} failed ({type(error).__name__});"
            " check LOYALTY_KAFKA_BOOTSTRAP_SERVERS and the broker"
        ) from None
