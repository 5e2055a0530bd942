"""One worker of a run: the real consumers and use cases, on the fakes."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition

from loyalty_worker.application import isolate, post_batch, release_parked
from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.consumers import partition, position, supervisor
from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.subscriber import Consume
from loyalty_worker.ports import Fault, StoredRecord
from simulation.broker import Broker
from simulation.consumer import FakeConsumer, FakeInspector
from simulation.database import FakeLedger, FakeParked, Server
from simulation.group import Group, Member
from simulation.loop import Tasks, owned_by
from simulation.traffic import Traffic
from simulation.weather import Process, Weather

_SWEEP_SECONDS = 1.0


class Silent:
    """Stands in for the reports of a group and of a partition: nobody looks at them here."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of theirs
        return self._nothing

    def _nothing(self, *_: object) -> None:
        return None


@dataclass(eq=False)
class Worker:
    """Consumers of all groups and the sweeper, in one process."""

    process: Process
    server: Server
    broker: Broker
    traffic: Traffic
    weather: Weather
    policy: isolate.UnknownErrorPolicy
    breaker_run: int
    members: list[tuple[Group, Member]] = field(default_factory=list)
    services: Tasks = field(default_factory=list)
    max_records: int = 3

    def start(self, groups: list[Group]) -> None:
        """Join every group and begin to sweep."""
        ledger = FakeLedger(self.server, self.process, self.weather)
        inspector = cast("LogInspector", FakeInspector(self.broker, self.process, self.weather))
        in_flight = asyncio.Semaphore(self.weather.rng.choice((1, 4)))
        for group in groups:
            context = partition.PartitionContext(
                position.PartitionPositions(ledger, inspector, group.name),
                self._limits(),
                in_flight,
            )
            breaker = BreakerLimits(share=1.0, min_records=10_000, run=self.breaker_run)
            post = isolate.Isolate(post_batch.PostBatch(ledger, group.name, breaker), self.policy)
            client = FakeConsumer(self.broker, group.name, self.process, self.weather)
            listener = self._listener(context)
            member = Member(self.process, client, listener)
            group.members.append(member)
            self.members.append((group, member))
            self._begin(listener.serve(cast("AIOKafkaConsumer", client), self._consume(post)))
            group.change()
        sweep = release_parked.ReleaseParked(
            ledger,
            FakeParked(self.server, self.process, self.weather),
            self.traffic.decode,
            timedelta(days=7),
            _must_not_fail,
        )
        self._begin(self._sweep(sweep))

    def crash(self) -> None:
        """Die as by SIGKILL; the groups find out later, see `forget`."""
        for group, member in self.members:
            group.members.remove(member)
        for task in self.process.tasks:
            task.cancel()

    async def stop(self) -> None:
        """Leave in good order."""
        for group, member in self.members:
            await member.supervisor.drain()
            group.members.remove(member)
            group.change()
        for task in self.services:
            task.cancel()

    def _listener(self, context: partition.PartitionContext) -> supervisor.GroupSupervisor:
        def build_task(
            tp: TopicPartition, consumer: AIOKafkaConsumer, consume: Consume
        ) -> partition.PartitionTask:
            silent = cast("PartitionReport", Silent())
            return partition.PartitionTask(tp, consumer, consume, context, silent)

        return supervisor.GroupSupervisor(
            build_task,
            cast("GroupReport", Silent()),
            drain_timeout=8.0,
            leave_timeout=1.0,
            on_fatal=_must_not_die,
        )

    def _consume(self, post: isolate.Isolate) -> Consume:
        async def consume(batch: Batch) -> Verdict | None:
            self.process.has_fetched(batch.at.topic)
            await self.process.step(self.weather)
            return await post(batch, [self.traffic.decode(record) for record in batch.records])

        return consume

    async def _sweep(self, sweep: release_parked.ReleaseParked) -> None:
        while True:
            try:
                await sweep()
            except Fault:
                await asyncio.sleep(_SWEEP_SECONDS)
            await asyncio.sleep(_SWEEP_SECONDS)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        with owned_by(self.process.tasks):
            self.services.append(asyncio.get_running_loop().create_task(work))

    def _limits(self) -> partition.PartitionLimits:
        return partition.PartitionLimits(
            max_records=self.max_records,
            max_wait=0.05,
            idle_wait=1.0,
            commit_timeout=3.0,
            backoff_first=0.1,
            backoff_max=2.0,
            position_check_interval=5.0,
        )


def _must_not_fail(stored: StoredRecord, fault: Fault) -> None:
    """Be `on_failure`: faults here pass, and the next sweep releases what stayed parked."""


def _must_not_die(reason: str) -> None:
    raise AssertionError(reason)
