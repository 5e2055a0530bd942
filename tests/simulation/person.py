"""The operator of a run: mends causes, sets records aside, resumes topics, redrives letters."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from loyalty_worker.application import redrive
from loyalty_worker.domain.outcomes import LetterReason, Outcome, RecordOutcome
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault, LetterFilter, StoredRecord
from simulation.broker import Broker
from simulation.database import FakeLedger, Server
from simulation.loop import Tasks, owned_by
from simulation.tables import LetterRow
from simulation.traffic import Traffic, record_id
from simulation.weather import Process, Weather

_QUARANTINED = RecordOutcome(Outcome.DEAD_LETTERED, reason=LetterReason.QUARANTINED.value)


@dataclass
class FakeLetters:
    """Letters, for redrive."""

    server: Server
    process: Process
    weather: Weather

    async def open_letters(
        self,
        wanted: LetterFilter,  # noqa: ARG002 - the person wants all of them
        after: int,
        limit: int,
    ) -> Sequence[StoredRecord]:
        await self.process.step(self.weather)
        if self.weather.fails():
            raise Fault("database_unreachable", "08006")
        rows: list[LetterRow] = list(self.server.tables.table("letters").values())
        found = sorted((row.id, row) for row in rows if row.status == "open" and row.id > after)
        return [StoredRecord(row.id, row.group, row.record) for _, row in found[:limit]]


@dataclass
class Person:
    """Uses the commands that a real one would, each of which can fail or be cut short."""

    server: Server
    broker: Broker
    traffic: Traffic
    weather: Weather
    tasks: Tasks = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = Process(0)
        self.ledger = FakeLedger(self.server, self.process, self.weather)

    @property
    def is_busy(self) -> bool:
        """Whether a command still runs."""
        return any(not task.done() for task in self.tasks)

    def mend(self) -> None:
        """Take away what makes records fail for no known reason."""
        self.server.tables.table("poison").clear()

    def resume(self) -> None:
        """Begin to resume what is halted; the record to blame is set aside, or tried again."""
        self._begin(self._resume)

    def redrive(self) -> None:
        """Begin to redrive all letters; several redrives may run at once."""
        self._begin(self._redrive)

    def interrupt(self) -> None:
        """Cut all commands short, as by Ctrl-C."""
        for task in self.tasks:
            task.cancel()

    def _begin(self, command: Callable[[], Awaitable[None]]) -> None:
        with owned_by(self.tasks):
            asyncio.get_running_loop().create_task(self._try(command))

    async def _try(self, command: Callable[[], Awaitable[None]]) -> None:
        try:
            await command()
        except Fault:
            self.server.tables.seen["a command that failed"] += 1

    async def _resume(self) -> None:
        for group, topic in list(self.server.tables.table("halts")):
            async with self.ledger.writes() as view:
                await view.lock("halts", group, topic)
                halt = view.get("halts", (group, topic))
                if halt is None:
                    continue
                log = self.broker.logs[PartitionId(topic, halt.partition)]
                blamed = log.records.get(halt.offset)
                if blamed is None or blamed.value not in self.traffic.fragile:
                    pass  # the topic was created again, or nothing but a look was needed
                elif self.weather.rng.random() < 0.5:
                    which = record_id(blamed)
                    await view.lock("letters", which)
                    kept = view.get("letters", which) or LetterRow(
                        self.server.tables.next_id(), group, blamed, _QUARANTINED
                    )
                    row = replace(kept, outcome=_QUARANTINED, status="open", quarantined=True)
                    view.put("letters", which, row)
                    self.server.tables.seen["set aside"] += 1
                view.put("halts", (group, topic), None)

    async def _redrive(self) -> None:
        letters = FakeLetters(self.server, self.process, self.weather)
        command = redrive.Redrive(self.ledger, letters, self.traffic.decode, _stays_open)
        async for _ in command(LetterFilter()):
            pass


def _stays_open(stored: StoredRecord, fault: Fault) -> None:
    """Be `on_failure`: a letter that fails stays open, and the person tries again."""
