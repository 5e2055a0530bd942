"""One run: workers, traffic and misfortune, all of it decided by a seed."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from loyalty_worker.domain.records import PartitionId
from simulation.broker import Broker, Log
from simulation.checks import Watch, unrest, verdict
from simulation.database import Server
from simulation.group import Group
from simulation.loop import NothingHappensError, run_virtually
from simulation.tables import Rows
from simulation.traffic import PARTITIONS, PROMOTIONS, SLIPS, SWITCHED, Traffic
from simulation.weather import Process, Weather
from simulation.worker import Worker

GROUPS = {"accrual": SLIPS, "promotion": PROMOTIONS}
_SETTLE_SECONDS = 300.0


@dataclass
class Outcome:
    """What one run came to; `problems` is empty for a good one, `story` is what happened."""

    seed: int
    problems: list[str]
    story: list[str]
    seconds: float = 0.0


@dataclass
class World:
    """Everything of one run."""

    seed: int
    rng: random.Random = field(init=False)
    story: list[str] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    backup: Rows | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.weather = Weather(self.rng)
        self.traffic = Traffic(self.rng)
        self.server = Server()
        self.watch = Watch(self.server)
        self.server.on_commit = self.watch.after_transaction
        ids = [
            PartitionId(topic, number) for topic in GROUPS.values() for number in range(PARTITIONS)
        ]
        self.broker = Broker({at: Log(at) for at in ids}, self.watch.after_commit)
        self.may_restore = self.rng.random() < 0.2
        self._background: set[asyncio.Task[None]] = set()
        self._started = 0

    async def run(self) -> Outcome:
        """Let it happen, let it come to rest, and look."""
        loop = asyncio.get_running_loop()
        self.groups = [
            Group(name, topic, self.broker, self.weather) for name, topic in GROUPS.items()
        ]
        for group in self.groups:
            self._begin(group.run())
        self.start_worker()
        if self.rng.random() < 0.6:
            self.start_worker()
        await self._traffic_and_misfortune()
        left = await self._rest()
        problems = [*self.watch.violations, *left]
        if not problems:
            problems = verdict(self.server, self.broker, GROUPS, self.traffic)
        return Outcome(self.seed, problems, self.story, loop.time())

    async def _traffic_and_misfortune(self) -> None:
        events = self.traffic.events(self.rng.randrange(4, 24))
        acts: list[Callable[[], None]] = [
            self.rng.choice(
                (
                    self.crash,
                    self.freeze,
                    self.thaw,
                    self.start_worker,
                    self.stop,
                    self.switch,
                    self.forget,
                    self.back_up,
                    self.restore,
                )
            )
            for _ in range(self.rng.randrange(10))
        ]
        writes = [partial(self.write, at, value) for at, value in events]
        places = sorted(self.rng.sample(range(len(acts) + len(writes)), len(acts)))
        script: list[Callable[[], None]] = list(writes)
        for place, act in zip(places, acts, strict=True):
            script.insert(place, act)
        for act in script:
            if self.rng.random() < 0.4:
                await asyncio.sleep(self.rng.random() * self.rng.choice((0.05, 1.0, 3.0)))
            act()

    async def _rest(self) -> list[str]:
        """End all misfortune and wait until nothing is left to do; return what is."""
        loop = asyncio.get_running_loop()
        self.weather.is_clear = True
        self.server.tables.table("disabled").clear()
        for worker in self.workers:
            self._thaw(worker)
        if not self.workers:
            self.start_worker()
        self._tell("the weather clears up")
        until = loop.time() + _SETTLE_SECONDS
        while left := unrest(self.server, self.broker, GROUPS):
            if loop.time() > until:
                return left
            await asyncio.sleep(0.5)
        return []

    def write(self, at: PartitionId, value: bytes) -> None:
        """Publish an event; sometimes an aborted transaction comes first."""
        if self.rng.random() < 0.1:
            self.broker.logs[at].leave_out(self.rng.randrange(1, 3))
        self.broker.logs[at].append(value)
        self._tell(f"{at} gets {value!r}")

    def start_worker(self) -> None:
        self._started += 1
        worker = Worker(
            Process(self._started), self.server, self.broker, self.traffic, self.weather
        )
        self.workers.append(worker)
        worker.start(self.groups)
        self._tell(f"worker {self._started} starts")

    def crash(self) -> None:
        worker = self._take_worker()
        if worker is not None:
            worker.crash()
            self._tell(f"worker {worker.process.name} is killed")
            self._later(self._change_groups)

    def stop(self) -> None:
        worker = self._take_worker()
        if worker is not None and not worker.process.is_frozen:
            self._tell(f"worker {worker.process.name} stops")
            self._begin(worker.stop())
        elif worker is not None:
            self.workers.append(worker)

    def freeze(self) -> None:
        worker = self.rng.choice(self.workers) if self.workers else None
        if worker is not None and not worker.process.is_frozen:
            worker.process.freeze()
            self._tell(f"worker {worker.process.name} freezes")
            self._later(self._change_groups)

    def thaw(self) -> None:
        frozen = [worker for worker in self.workers if worker.process.is_frozen]
        if frozen:
            self._thaw(self.rng.choice(frozen))

    def switch(self) -> None:
        disabled = self.server.tables.table("disabled")
        if disabled.pop(SWITCHED, None) is None:
            disabled[SWITCHED] = True
        self._tell(f"the casino is {'off' if disabled else 'on'}")

    def forget(self) -> None:
        if not self.may_restore:
            group, topic = self.rng.choice(list(GROUPS.items()))
            at = PartitionId(topic, self.rng.randrange(PARTITIONS))
            self.broker.forget_some(self.rng, group, at)
            self._tell(f"{at} begins at {self.broker.logs[at].beginning}")

    def back_up(self) -> None:
        if self.may_restore:
            self.backup = self.server.tables.backup()
            self._tell("the database is backed up")

    def restore(self) -> None:
        if self.backup is not None:
            self.server.restore(self.backup)
            self.backup = None
            self.watch.restored()
            self._tell("the database is restored")

    def _thaw(self, worker: Worker) -> None:
        if worker.process.is_frozen:
            worker.process.thaw()
            self._tell(f"worker {worker.process.name} goes on")
            self._later(self._change_groups)

    def _take_worker(self) -> Worker | None:
        if not self.workers:
            return None
        return self.workers.pop(self.rng.randrange(len(self.workers)))

    def _change_groups(self) -> None:
        for group in self.groups:
            group.change()

    def _later(self, what: Callable[[], None]) -> None:
        """Do it when a session timeout or a heartbeat has told the groups."""
        asyncio.get_running_loop().call_later(self.rng.random() * 6.0, what)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)

    def _tell(self, what: str) -> None:
        self.story.append(f"{asyncio.get_running_loop().time():8.3f} {what}")


def simulate(seed: int) -> Outcome:
    """Run one seed."""
    world = World(seed)
    try:
        return run_virtually(seed, world.run)
    except NothingHappensError:
        return Outcome(seed, ["every task waits for another"], world.story)
