"""One run: workers, traffic and misfortune, all of it decided by a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from loyalty_worker.application.isolate import UnknownErrorPolicy
from loyalty_worker.domain.records import PartitionId
from simulation.broker import Broker, Log
from simulation.checks import Watch, unrest, verdict
from simulation.database import Server
from simulation.group import Group
from simulation.loop import NothingHappensError, Tasks, owned_by, run_virtually
from simulation.person import Person
from simulation.tables import ProgressRow, Rows
from simulation.traffic import PARTITIONS, PROMOTIONS, SLIPS, SWITCHED, Traffic
from simulation.weather import Process, Weather
from simulation.worker import Worker

GROUPS = {"accrual": SLIPS, "promotion": PROMOTIONS}
_SETTLE_SECONDS = 300.0
_NOTICED_SECONDS = 12.0
_NEVER = 10_000


@dataclass
class Outcome:
    """What one run came to; `problems` is empty for a good one, `story` is what happened."""

    seed: int
    problems: list[str]
    story: list[str]
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)


@dataclass
class World:
    """Everything of one run."""

    seed: int
    rng: random.Random = field(init=False)
    story: list[str] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.weather = Weather(self.rng)
        kind = self.rng.random()
        self.may_restore, self.may_recreate = kind < 0.25, kind > 0.7
        self.is_calm = kind > 0.9
        self.traffic = Traffic(
            self.rng,
            has_conflicts=not self.may_recreate,
            has_poison=self.rng.random() < 0.5,
        )
        self.server = Server()
        self.watch = Watch(self.server)
        self.server.on_commit = self.watch.after_transaction
        ids = [
            PartitionId(topic, number) for topic in GROUPS.values() for number in range(PARTITIONS)
        ]
        self.broker = Broker({at: Log(at) for at in ids}, self.watch.after_commit)
        self.person = Person(self.server, self.broker, self.traffic, self.weather)
        self.policy: UnknownErrorPolicy = self.rng.choice(("stop", "dead_letter"))
        self.breaker_run = self.rng.choice((2, 3, _NEVER, _NEVER))
        self._background: Tasks = []
        self._started = 0
        self._written = 0
        self._not_before = self._rest_from = 0.0

    async def run(self) -> Outcome:
        """Let it happen, let it come to rest, and look."""
        loop = asyncio.get_running_loop()
        self.groups = [
            Group(name, topic, self.broker, self.weather) for name, topic in GROUPS.items()
        ]
        for group in self.groups:
            self._begin(group.run())
        self.start_worker()
        if self.rng.random() < 0.6 and not self.is_calm:
            self.start_worker()
        await self._traffic_and_misfortune()
        left = await self._rest()
        problems = [*self.watch.violations, *self.server.tables.violations]
        problems += [*self.broker.violations, *left]
        if not problems:
            problems = verdict(self.server, self.broker, GROUPS, self.traffic)
        seen = self.server.tables.seen + self.broker.seen
        return Outcome(self.seed, problems, self.story, loop.time(), seen)

    async def _traffic_and_misfortune(self) -> None:
        events = self.traffic.events(self.rng.randrange(4, 24))
        self.server.tables.table("poison").update(dict.fromkeys(self.traffic.poison, True))
        acts = [self.rng.choice(self._acts()) for _ in range(self.rng.randrange(10))]
        writes = [partial(self.write, at, value) for at, value in events]
        places = sorted(self.rng.sample(range(len(acts) + len(writes)), len(acts)))
        script: list[Callable[[], None]] = list(writes)
        for place, act in zip(places, acts, strict=True):
            script.insert(place, act)
        for act in script:
            if self.rng.random() < 0.4:
                await asyncio.sleep(self.rng.random() * self.rng.choice((0.05, 1.0, 3.0)))
            act()

    def _acts(self) -> list[Callable[[], None]]:
        """Return what may happen in this run, besides traffic."""
        acts: list[Callable[[], None]] = [self.switch]
        if not self.is_calm:
            acts += [
                self.crash,
                self.freeze,
                self.thaw,
                self.start_worker,
                self.stop,
            ]
        if self.may_restore:
            acts += [self.lose] * 3
        elif self.may_recreate:
            acts += [self.recreate]
            acts += [self.recreate] if self.is_calm else [self.haunt] * 3
        else:
            acts.append(self.forget)
        if self.traffic.has_poison or self.breaker_run < _NEVER:
            acts += [self.call_person, self.call_person]
        return acts

    async def _rest(self) -> list[str]:
        """End all misfortune and wait until nothing is left to do; return what is."""
        loop = asyncio.get_running_loop()
        while loop.time() < self._rest_from:
            await asyncio.sleep(0.5)
        self.weather.is_clear = True
        for worker in self.workers:
            self._thaw(worker)
        if not self.workers:
            self.start_worker()
        self._tell("the weather clears up")
        if self.traffic.poison:
            await asyncio.sleep(self.rng.choice((0.0, 4.0, 8.0)))
            self.person.mend()
        if self.server.tables.table("disabled") and self.traffic.poison:
            self.person.redrive()
            await asyncio.sleep(1.0)
        self.server.tables.table("disabled").clear()
        until = loop.time() + _SETTLE_SECONDS
        while True:
            left = unrest(self.server, self.broker, GROUPS, self.traffic)
            if loop.time() > until or (not left and loop.time() > self._not_before):
                return left
            if not self.person.is_busy:
                self.person.resume()
                self.person.redrive()
            await asyncio.sleep(0.5)

    def write(self, at: PartitionId, value: bytes) -> None:
        """Publish an event; sometimes an aborted transaction comes first."""
        if self.rng.random() < 0.1:
            self.broker.leave_out(at, self.rng.randrange(1, 3))
        self._written += 1
        self.broker.logs[at].append(value, self._written)
        self._tell(f"{at} gets {value!r}")

    def start_worker(self) -> None:
        self._started += 1
        worker = Worker(
            Process(self._started),
            self.server,
            self.broker,
            self.traffic,
            self.weather,
            self.policy,
            self.breaker_run,
            max_records=self.rng.choice((2, 3, 8)),
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
            if self.rng.random() < 0.5:
                worker.process.freeze()
                self._have_frozen(worker)
            else:
                worker.process.freeze_with_a_batch(lambda _topic: self._have_frozen(worker))

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
        group, topic = self.rng.choice(list(GROUPS.items()))
        at = PartitionId(topic, self.rng.randrange(PARTITIONS))
        self.broker.forget_some(self.rng, group, at)
        self._tell(f"{at} begins at {self.broker.logs[at].beginning}")

    def lose(self) -> None:
        """Restore the database, which was backed up just before, from the backup.

        Often it is restored when a worker has a batch in its hands.
        """
        backup = self.server.tables.backup()
        self._tell("the database is backed up")
        seconds = self.rng.random() * self.rng.choice((1.0, 6.0))
        asyncio.get_running_loop().call_later(seconds, self._lose, backup)
        self._rest_no_sooner_than(seconds)

    def _lose(self, backup: Rows) -> None:
        restore = partial(self._restore, backup)
        if self.workers and self.rng.random() < 0.5:
            worker = self.rng.choice(self.workers)
            worker.process.freeze_with_a_batch(lambda _: self._freeze_for(worker, restore))
        else:
            restore()

    def _restore(self, backup: Rows) -> None:
        self.server.restore(backup)
        self.watch.restored()
        self._tell("the database is restored")

    def recreate(self) -> None:
        """Delete a topic and create it again; somebody publishes again what was not processed,
        and what was, in part or all of it.
        """
        self._recreate(self.rng.choice(list(GROUPS.values())))

    def _recreate(self, topic: str) -> None:
        group = next(group for group, consumed in GROUPS.items() if consumed == topic)
        rows = [self._progress(group, at) for at in self.broker.partitions(topic)]
        again: list[tuple[PartitionId, bytes]] = []
        for at, row in zip(self.broker.partitions(topic), rows, strict=True):
            if row is None or not any(row.counts[:-1]):
                return  # a log of which no record was processed cannot be told from the next one
            is_whole = self.is_calm or self.rng.random() < 0.6
            since = 0 if is_whole else self.rng.randint(0, row.next_offset)
            written = self.broker.logs[at].written
            again += [(at, written[offset].value or b"") for offset in written if offset >= since]
        self.broker.recreate(topic)
        self.watch.recreated.add(topic)
        self._tell(f"{topic} is created again")
        for at, value in again:
            self.write(at, value)
        if self.rng.random() < 0.5:
            self._later(self._change_groups)
        self._not_before = asyncio.get_running_loop().time() + _NOTICED_SECONDS

    def _progress(self, group: str, at: PartitionId) -> ProgressRow | None:
        """Return how far a log is processed, None while a former one is thought to be it."""
        number = sum(former.at == at for former in self.broker.former)
        row: ProgressRow | None = self.server.tables.table("progress").get((group, at))
        return row if row is not None and row.generation == number + 1 else None

    def haunt(self) -> None:
        """Freeze a worker with a batch in its hands, and its topic is another when it goes on."""
        if self.workers:
            worker = self.rng.choice(self.workers)
            worker.process.freeze_with_a_batch(
                lambda topic: self._freeze_for(worker, partial(self._recreate, topic))
            )

    def _freeze_for(self, worker: Worker, what: Callable[[], None]) -> None:
        """Do it while a worker stands still, and another can have its partitions."""
        self._tell(f"worker {worker.process.name} freezes with a batch in its hands")
        self._change_groups()
        loop = asyncio.get_running_loop()
        loop.call_later(2.0 + self.rng.random(), what)
        loop.call_later(4.0 + self.rng.random() * 2.0, self._thaw, worker)
        self._rest_no_sooner_than(6.0)

    def call_person(self) -> None:
        person = self.person
        act = self.rng.choice(
            (person.mend, person.resume, person.resume, person.redrive, person.interrupt)
        )
        act()
        self._tell(f"somebody begins to {act.__name__}")

    def _have_frozen(self, worker: Worker) -> None:
        self._tell(f"worker {worker.process.name} freezes")
        self._later(self._change_groups)

    def _thaw(self, worker: Worker) -> None:
        was_frozen = worker.process.is_frozen
        worker.process.thaw()
        if was_frozen:
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

    def _rest_no_sooner_than(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        self._rest_from = max(self._rest_from, until)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        with owned_by(self._background):
            asyncio.get_running_loop().create_task(work)

    def _tell(self, what: str) -> None:
        self.story.append(f"{asyncio.get_running_loop().time():8.3f} {what}")


def simulate(seed: int) -> Outcome:
    """Run one seed."""
    world = World(seed)
    try:
        return run_virtually(seed, world.run)
    except NothingHappensError:
        return Outcome(seed, ["every task waits for another"], world.story)
