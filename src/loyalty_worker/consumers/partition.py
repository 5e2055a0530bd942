"""One task per assigned partition: find the start, fetch, post, commit; back off on faults."""

import asyncio
import contextlib
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from loyalty_worker.application.batches import Batch, Faulted, Halted, Misplaced, Posted
from loyalty_worker.consumers.offsets import PartitionOffsets
from loyalty_worker.consumers.partition_fetch import PartitionFetcher
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.position import Positions
from loyalty_worker.consumers.subscriber import Consume
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault, NeedsPersonError, TopicHaltedError


@dataclass(frozen=True, slots=True)
class PartitionLimits:
    """Sizes and times of one partition's task; times in seconds."""

    max_records: int
    max_wait: float
    idle_wait: float
    commit_timeout: float
    backoff_first: float
    backoff_max: float
    position_check_interval: float


@dataclass(frozen=True, slots=True)
class PartitionContext:
    """What the tasks of one group share; `in_flight` bounds their transactions at once."""

    positions: Positions
    limits: PartitionLimits
    in_flight: asyncio.Semaphore


class _NotInPlaceError(Exception):
    """The task's idea of position and generation is stale: find the start anew."""


class PartitionTask:
    """Consumes one assigned partition until it is drained.

    Nothing it meets ends it: what fails outside is retried without end, with the partition paused
    so that the others flow on and the group keeps the member.
    """

    def __init__(
        self,
        tp: TopicPartition,
        consumer: AIOKafkaConsumer,
        consume: Consume,
        context: PartitionContext,
        report: PartitionReport,
    ) -> None:
        self._tp = tp
        self._at = PartitionId(tp.topic, tp.partition)
        self._consumer = consumer
        self._consume = consume
        self._positions = context.positions
        self._limits = context.limits
        self._in_flight = context.in_flight
        self._report = report
        self._draining = asyncio.Event()
        self._generation = 0
        self._position = 0
        self._offsets = PartitionOffsets(tp, consumer, context.limits.commit_timeout, report)
        self._fetcher = PartitionFetcher(
            tp,
            consumer,
            self._draining,
            max_records=self._limits.max_records,
            max_wait=self._limits.max_wait,
            idle_wait=self._limits.idle_wait,
        )
        self._position_check_due = 0.0
        self._witness_due = 0.0

    def drain(self) -> None:
        """Fetch nothing more; the task ends once the batch in flight is committed."""
        self._draining.set()

    async def run(self) -> None:
        """Consume until drained."""
        try:
            await self._run()
        finally:
            self._report.ended()

    async def _run(self) -> None:
        with contextlib.suppress(ConsumerStoppedError):
            while not self._draining.is_set():
                async for attempt in AsyncRetrying(
                    wait=wait_random_exponential(
                        multiplier=self._limits.backoff_first, max=self._limits.backoff_max
                    ),
                    retry=retry_if_exception_type((Fault, KafkaError, NeedsPersonError)),
                    before_sleep=self._hold,
                    sleep=self._sleep,
                ):
                    with attempt:
                        await self._flow(attempt.retry_state)
        await self._offsets.commit()

    async def _flow(self, retry_state: RetryCallState) -> None:
        with contextlib.suppress(_NotInPlaceError):
            await self._take_place()
            while not self._draining.is_set():
                await self._one_batch()
                retry_state.attempt_number = 1  # progress: the next fault backs off afresh
                self._report.flowing()

    async def _take_place(self) -> None:
        if self._draining.is_set():
            raise _NotInPlaceError
        self._consumer.pause(self._tp)
        start = await self._positions.find_start(self._at, self._offsets.committed)
        self._generation, self._position = start.generation, start.offset
        self._offsets.due(None)
        self._position_check_due = self._now() + self._limits.position_check_interval
        self._consumer.seek(self._tp, start.offset)
        self._consumer.resume(self._tp)
        self._report.started(start.generation, start.offset)

    async def _one_batch(self) -> None:
        records = await self._fetcher.fetch(self._position)
        end = await self._consumer.position(self._tp)
        self._report.polled()
        log_known = await self._log_is_known(has_records=bool(records))
        if end > self._position:
            batch = Batch(self._at, self._generation, self._position, end, records, log_known)
            await self._post(batch)
        await self._offsets.commit()

    async def _log_is_known(self, *, has_records: bool) -> bool:
        """Look now and then whether position and log hold; True where that was seen just now.

        Where there are records, so that the row gets a witness that is none of another log's.
        """
        if self._now() < (self._witness_due if has_records else self._position_check_due):
            return False
        if not await self._positions.holds(self._at, self._generation, self._position):
            raise _NotInPlaceError
        self._position_check_due = self._now() + self._limits.position_check_interval
        if has_records:
            self._witness_due = self._position_check_due
        return True

    async def _post(self, batch: Batch) -> None:
        self._report.queued()
        async with self._in_flight:
            self._report.polled()
            verdict = await self._consume(batch)
        match verdict:
            case Posted(next_offset=next_offset, halt=halt):
                self._position = next_offset
                self._offsets.due(next_offset)
                self._report.posted(batch, verdict)
                if next_offset < batch.end or halt is not None:
                    await self._offsets.commit()
                    if halt is not None:
                        raise TopicHaltedError(batch.at.topic, halt)
                    raise _NotInPlaceError
            case Misplaced(expected):
                self._report.misplaced(batch, expected)
                raise _NotInPlaceError
            case Halted(halt):
                raise TopicHaltedError(batch.at.topic, halt)
            case Faulted(reason, sqlstate):
                raise Fault(reason, sqlstate)
            case None:
                raise Fault("handler_failed")

    def _hold(self, retry_state: RetryCallState) -> None:
        with contextlib.suppress(IllegalStateError):  # revoked meanwhile: the drain is on its way
            self._consumer.pause(self._tp)
        error = retry_state.outcome.exception() if retry_state.outcome else None
        self._report.holding(error, retry_state.attempt_number, retry_state.upcoming_sleep)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
