"""Tables in memory: rows that transactions see committed, their own first; locks with deadlocks."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from loyalty_worker.domain.events import Event
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.domain.records import Record
from loyalty_worker.ports import Fault

LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """A row of `consumer_progress`; `counts` are by outcome, and of offsets without a record."""

    generation: int
    first_offset: int
    next_offset: int
    last_record_offset: int | None = None
    last_record_hash: bytes | None = None
    counts: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A row of `parked_event`; `outcome` None: it waits."""

    id: int
    group: str
    record: Record
    event: Event
    cause: str
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A row of `dead_letter`."""

    id: int
    group: str
    record: Record
    outcome: RecordOutcome
    status: str = "open"
    quarantined: bool = False


class Lock:
    """A row's or a key's lock, held until its transaction ends."""

    def __init__(self) -> None:
        self.holder: View | None = None
        self.freed = asyncio.Event()


Rows = dict[str, dict[Any, Any]]


@dataclass
class Tables:
    """What is committed, and who locks what."""

    rows: Rows = field(default_factory=dict)
    locks: dict[tuple[Any, ...], Lock] = field(default_factory=dict)
    last_id: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def table(self, name: str) -> dict[Any, Any]:
        """Return a table's committed rows."""
        return self.rows.setdefault(name, {})

    def next_id(self) -> int:
        """Draw from the sequence, which no rollback turns back."""
        self.last_id += 1
        return self.last_id

    def backup(self) -> Rows:
        """Copy what is committed."""
        return {name: dict(rows) for name, rows in self.rows.items()}


class View:
    """What one transaction sees and writes: read committed, one statement at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._written: Rows = {}
        self._locked: list[Lock] = []
        self._waits_for: Lock | None = None
        self.is_over = False

    def get(self, table: str, key: object) -> Any:  # noqa: ANN401 - rows of every table
        """Return a row or None."""
        written = self._written.get(table)
        if written is not None and key in written:
            return written[key]
        return self._tables.table(table).get(key)

    def put(self, table: str, key: object, row: object) -> None:
        """Write a row, whose lock this transaction holds."""
        self._written.setdefault(table, {})[key] = row

    def scan(self, table: str) -> Iterator[Any]:
        """Return all rows of a table."""
        return iter({**self._tables.table(table), **self._written.get(table, {})}.values())

    async def lock(self, *key: object) -> bool:
        """Lock, after whoever holds it; say whether it had to wait. Raises `Fault`."""
        lock = self._tables.locks.setdefault(key, Lock())
        if lock.holder is self:
            return False
        waited = False
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                while lock.holder is not None:
                    waited = True
                    self._waits_for = lock
                    if self._is_deadlocked():
                        raise Fault("conflict", "40P01")
                    lock.freed.clear()
                    await lock.freed.wait()
        except TimeoutError:
            raise Fault("lock_timeout", "55P03") from None
        finally:
            self._waits_for = None
        if self.is_over:
            raise Fault("database_unreachable", "57P01")
        lock.holder = self
        self._locked.append(lock)
        return waited

    def commit(self) -> None:
        """Show what was written to everybody."""
        if not self.is_over:
            for table, rows in self._written.items():
                self._tables.table(table).update(rows)
        self.end()

    def end(self) -> None:
        """Forget what was not committed, and free the locks."""
        self.is_over = True
        self._written = {}
        for lock in self._locked:
            lock.holder = None
            lock.freed.set()
        self._locked = []

    def _is_deadlocked(self) -> bool:
        lock = self._waits_for
        while lock is not None and lock.holder is not None:
            if lock.holder is self:
                return True
            lock = lock.holder._waits_for
        return False
