"""Drives one group's subscriber: starts and drains partition tasks as the group rebalances."""

import asyncio
from collections.abc import Callable, Collection

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.partition import PartitionTask
from loyalty_worker.consumers.subscriber import Consume

BuildTask = Callable[[TopicPartition, AIOKafkaConsumer, Consume], PartitionTask]
_TICK_SECONDS = 1.0


class GroupSupervisor(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """One task per assigned partition, for as long as it is assigned.

    As the rebalance listener it only starts and drains tasks, because aiokafka fetches before
    `on_partitions_assigned` returns and swallows what a listener raises.
    """

    def __init__(
        self,
        build_task: BuildTask,
        report: GroupReport,
        *,
        drain_timeout: float,
        leave_timeout: float,
        on_fatal: Callable[[str], None],
    ) -> None:
        self.leave_timeout = leave_timeout
        self._build_task = build_task
        self._report = report
        self._drain_timeout = drain_timeout
        self._on_fatal = on_fatal
        self._assigned: set[TopicPartition] = set()
        self._tasks: dict[TopicPartition, tuple[PartitionTask, asyncio.Task[None]]] = {}
        self._client: tuple[AIOKafkaConsumer, Consume] | None = None
        report.joining()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Start a task for each partition; called by aiokafka when a rebalance is over."""
        self._assigned = set(assigned)
        self._report.assigned(len(self._assigned))
        self._start_missing()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Finish and commit what is in flight before other members may take over."""
        self._report.revoked(len(revoked))
        await self._drain_tasks()

    async def serve(self, consumer: AIOKafkaConsumer, consume: Consume) -> None:
        """Watch over the tasks until cancelled; ends the process when the client is beyond help."""
        self._client = (consumer, consume)
        self._start_missing()
        while True:
            self._report.tick()
            self._start_missing()
            try:
                # aiokafka parks the errors of its background tasks until somebody asks for them,
                # and does nothing meanwhile; a spare member without partitions never would ask.
                consumer._coordinator.check_errors()  # noqa: SLF001 - no public way to ask
            except Exception as error:  # noqa: BLE001 - whatever it was, it is said and survived
                self._report.client_failed(type(error).__name__)
            if _is_beyond_help(consumer):
                self._on_fatal("kafka_client_died")
                return
            await asyncio.sleep(_TICK_SECONDS)

    async def drain(self) -> None:
        """Finish and commit what is in flight, and start nothing more."""
        self._client = None
        await self._drain_tasks()

    def _start_missing(self) -> None:
        if self._client is None:
            return
        for tp in sorted(self._assigned):
            held = self._tasks.get(tp)
            if held is not None and not held[1].done():
                continue
            if held is not None:
                self._report.task_died(held[1].get_name(), _cause(held[1]))
            task = self._build_task(tp, *self._client)
            running = asyncio.create_task(task.run(), name=f"{tp.topic}/{tp.partition}")
            self._tasks[tp] = (task, running)

    async def _drain_tasks(self) -> None:
        """Return when no task is left, also when another caller drains the same ones.

        A rebalance can come while a shutdown drains, and either can be cancelled: the batch in
        flight must be committed before the partition is given up, or it would commit its older
        offset after the next owner's.
        """
        self._assigned = set()
        held = dict(self._tasks)
        running = [one for _, one in held.values()]
        for task, _ in held.values():
            task.drain()
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._drain_timeout)
        for one in running:
            if one in late and not one.cancelling():
                self._report.drain_timed_out(one.get_name())
                one.cancel()
        if late:
            await asyncio.wait(late, timeout=_TICK_SECONDS)
        for tp, (task, one) in held.items():
            if self._tasks.get(tp) != (task, one):
                continue  # the other caller was faster
            del self._tasks[tp]
            if one.done() and (cause := _cause(one)) is not None:
                self._report.task_died(one.get_name(), cause)


def _is_beyond_help(consumer: AIOKafkaConsumer) -> bool:
    """Say whether a background task of the client ended; it is never started again."""
    coordination = consumer._coordinator._coordination_task  # noqa: SLF001 - no public way to ask
    fetching = consumer._fetcher.error_future  # noqa: SLF001 - the same
    return bool(coordination.done() or fetching.done())


def _cause(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
