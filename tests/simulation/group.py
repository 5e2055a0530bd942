"""A consumer group in memory: rebalances among workers of which some stand still."""

import asyncio
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from loyalty_worker.consumers.supervisor import GroupSupervisor
from simulation.broker import Broker
from simulation.consumer import FakeConsumer
from simulation.loop import owned_by
from simulation.weather import Process, Weather

_REBALANCE_SECONDS = 10.0


@dataclass(eq=False)
class Member:
    """A worker in one group: its client, and the supervisor that listens to the group."""

    process: Process
    consumer: FakeConsumer
    supervisor: GroupSupervisor
    leaving: asyncio.Task[None] | None = None


@dataclass(eq=False)
class Group:
    """Gives each partition to one member; who does not answer in time becomes a zombie.

    A zombie keeps what it believes to own until it joins again, and its commits are refused.
    """

    name: str
    topic: str
    broker: Broker
    weather: Weather
    members: list[Member] = field(default_factory=list)
    rebalances: int = 0
    rebalance_seconds: float = _REBALANCE_SECONDS
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def change(self) -> None:
        """Ask for a rebalance: a member came, went, or came back."""
        self._wanted.set()

    async def run(self) -> None:
        """Rebalance whenever it is asked for."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._rebalance()

    async def _rebalance(self) -> None:
        joining = [one for one in self.members if not one.process.is_frozen]
        for one in joining:
            if one.leaving is None or one.leaving.done():
                with owned_by(one.process.tasks):
                    held = list(one.consumer.assigned)
                    one.leaving = asyncio.create_task(one.supervisor.on_partitions_revoked(held))
        leaving = [one.leaving for one in joining if one.leaving is not None]
        if leaving:
            _, late = await asyncio.wait(leaving, timeout=self.rebalance_seconds)
            for one_late in late:
                one_late.add_done_callback(lambda _: self.change())  # it joins again, too late
        await self.weather.pause()
        in_time = [
            one
            for one in joining
            if one in self.members and one.leaving is not None and one.leaving.done()
        ]
        self._give_out(in_time)
        self.rebalances += 1
        for one in in_time:
            with owned_by(one.process.tasks):
                await one.supervisor.on_partitions_assigned(list(one.consumer.assigned))

    def _give_out(self, members: list[Member]) -> None:
        partitions = self.broker.partitions(self.topic)
        first = self.weather.rng.randrange(len(members)) if members else 0
        for one in members:
            one.consumer.assigned = {}
        for index, at in enumerate(partitions):
            owner = members[(first + index) % len(members)] if members else None
            self.broker.assignments[self.name, at] = owner and owner.consumer.assign(
                TopicPartition(at.topic, at.partition)
            )
