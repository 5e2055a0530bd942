"""What the worker uses of aiokafka's consumer and of the inspector, on the broker in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaConnectionError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
)

from loyalty_worker.consumers.inspector import Bounds
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Fault
from simulation.broker import Broker, Log
from simulation.weather import Process, Weather

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass
class _Assigned:
    position: int | None = None
    is_paused: bool = False


@dataclass
class _Background:
    """The client's background tasks, which never fail here."""

    @property
    def _coordination_task(self) -> "_Background":
        return self

    @property
    def error_future(self) -> "_Background":
        return self

    def check_errors(self) -> None:
        """Raise nothing."""

    def done(self) -> bool:
        return False


@dataclass
class FakeConsumer:
    """One member's client. Assignments come from the group, see `groups`."""

    broker: Broker
    group: str
    process: Process
    weather: Weather
    assigned: dict[TopicPartition, _Assigned] = field(default_factory=dict)
    _coordinator: _Background = field(default_factory=_Background)
    _fetcher: _Background = field(default_factory=_Background)
    _sent_until: float = 0.0

    def assign(self, tp: TopicPartition) -> object:
        """Take one more partition, as the client does at the end of a rebalance.

        What is returned stands for the generation: the broker takes commits made under it.
        """
        self.assigned[tp] = _Assigned()
        return self.assigned[tp]

    def pause(self, tp: TopicPartition) -> None:
        self._state(tp).is_paused = True

    def resume(self, tp: TopicPartition) -> None:
        self._state(tp).is_paused = False

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._state(tp).position = offset

    async def position(self, tp: TopicPartition) -> int:
        while (position := self._state(tp).position) is None:
            await asyncio.sleep(_LOOK_SECONDS)
        return position

    async def getmany(
        self, tp: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Raw]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_ms / 1000
        await self.process.step(self.weather)
        if self.weather.fails():
            raise KafkaConnectionError
        while True:
            state = self._state(tp)
            if not state.is_paused and state.position is not None:
                found = self._take(tp, state, state.position, max_records)
                if found is not None:
                    return {tp: found} if found else {}
            if loop.time() >= until:
                return {}
            await asyncio.sleep(min(until - loop.time(), _LOOK_SECONDS))

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        ((tp, offset),) = offsets.items()
        at = PartitionId(tp.topic, tp.partition)
        assignment = self._state(tp)
        if assignment.position is not None and offset.offset > assignment.position:
            self.broker.violations.append(
                f"{offset.offset} of {at} is committed by one who is not there yet"
            )
        await self.process.step(self.weather)
        if self.weather.fails():
            raise RequestTimedOutError  # the request was lost
        answer = asyncio.get_running_loop().create_future()

        def take() -> None:
            try:
                self.broker.commit(self.group, at, offset.offset, assignment)
            except Exception as error:  # noqa: BLE001 - it is the answer
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(None)

        self._send(take)
        await answer
        await self.process.step(self.weather)
        if self.weather.fails():
            raise RequestTimedOutError  # the answer was lost

    async def committed(self, tp: TopicPartition) -> int | None:
        at = PartitionId(tp.topic, tp.partition)
        await self.process.step(self.weather)
        if self.weather.fails():
            raise KafkaConnectionError
        answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if not answer.done():
                answer.set_result(self.broker.committed.get((self.group, at)))

        self._send(look)
        offset = await answer
        await self.process.step(self.weather)
        return offset

    def _send(self, request: Callable[[], None]) -> None:
        """Let the broker do it later, even if nobody waits for the answer, and in order."""
        loop = asyncio.get_running_loop()
        self._sent_until = max(self._sent_until + 1e-6, loop.time() + self.weather.delay())
        loop.call_at(self._sent_until, request)

    def _take(
        self, tp: TopicPartition, state: _Assigned, position: int, max_records: int
    ) -> list[Raw] | None:
        """Return records from the position on and move it; None where there is nothing new."""
        log = self.broker.logs[PartitionId(tp.topic, tp.partition)]
        if not log.beginning <= position <= log.end:
            raise OffsetOutOfRangeError({tp: position})
        if position == log.end:
            return None
        count = self.weather.rng.randrange(0, max_records + 1)
        found: list[Raw] = []
        while position < log.end and (len(found) < count or position not in log.records):
            record = log.records.get(position)
            position += 1
            if record is not None:
                found.append(
                    Raw(
                        record.topic,
                        record.partition,
                        record.offset,
                        record.timestamp_ms,
                        record.key,
                        record.value,
                        record.headers,
                    )
                )
            elif self.weather.rng.random() < 0.5:
                break
        state.position = position
        return found

    def _state(self, tp: TopicPartition) -> _Assigned:
        state = self.assigned.get(tp)
        if state is None:
            raise IllegalStateError(f"{tp} is not assigned")
        return state


@dataclass
class FakeInspector:
    """Looks at logs from outside the group."""

    broker: Broker
    process: Process
    weather: Weather

    async def bounds(self, at: PartitionId) -> Bounds:
        log = await self._log(at)
        return Bounds(log.beginning, log.end)

    async def first_record_from(self, at: PartitionId, offset: int) -> Record | None:
        log = await self._log(at)
        return next((log.records[o] for o in range(offset, log.end) if o in log.records), None)

    async def _log(self, at: PartitionId) -> Log:
        await self.process.step(self.weather)
        if self.weather.fails():
            raise Fault("kafka_unreachable")
        return self.broker.logs[at]
