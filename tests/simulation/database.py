"""The ledger's gateways in memory: transactions that fail, hang, or commit without an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from loyalty_worker.domain.events import PromotionAwarded, SlipClosed
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault, Progress, StoredRecord
from simulation.tables import ParkedRow, ProgressRow, Rows, Tables, View
from simulation.transaction import FakeTransaction, progress_of
from simulation.weather import Process, Weather


@dataclass
class Server:
    """The database itself, which outlives every worker. `on_commit` is called after each one."""

    on_commit: Callable[[], None] = lambda: None
    tables: Tables = field(default_factory=Tables)
    open: list[View] = field(default_factory=list)

    def commit(self, view: View) -> None:
        """Commit a transaction that is still open."""
        view.commit()
        self.on_commit()

    def restore(self, backup: Rows) -> None:
        """Come back from a backup: nobody's open transaction survives."""
        for view in self.open:
            view.end()
        self.tables.rows = backup


@dataclass
class FakeLedger:
    """One worker's way to the server."""

    server: Server
    process: Process
    weather: Weather

    @asynccontextmanager
    async def transaction(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AsyncIterator[FakeTransaction]:
        async with self.writes(casino_ids, correlation_id) as view:
            yield self._transaction(view)

    @asynccontextmanager
    async def rehearsal(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AsyncIterator[FakeTransaction]:
        async with self._view(casino_ids, correlation_id) as view:
            yield self._transaction(view)

    async def read_progress(self, group: str, at: PartitionId) -> Progress | None:
        await self._answer()
        row = self.server.tables.table("progress").get((group, at))
        return None if row is None else progress_of(row)

    async def open_generation(
        self, group: str, at: PartitionId, after: int | None, first_offset: int
    ) -> Progress:
        await self._answer()
        rows = self.server.tables.table("progress")
        row = rows.get((group, at))
        if row is None and after is not None:
            raise Fault("database_error", "55000")
        if row is None or row.generation == after:
            row = rows[group, at] = ProgressRow((after or 0) + 1, first_offset, first_offset)
            self.server.tables.seen["later generation"] += after is not None
        return progress_of(row)

    @asynccontextmanager
    async def writes(
        self, casino_ids: object = (), correlation_id: object = ""
    ) -> AsyncIterator[View]:
        """Open a transaction on the bare tables, and commit it at its end."""
        async with self._view(casino_ids, correlation_id) as view:
            yield view
            await self._commit(view)

    @asynccontextmanager
    async def _view(self, _casino_ids: object, _correlation_id: object) -> AsyncIterator[View]:
        """Open a transaction; the fake isolates no casino from another."""
        await self._answer()
        view = View(self.server.tables)
        self.server.open.append(view)
        try:
            yield view
        finally:
            view.end()
            self.server.open.remove(view)

    def _transaction(self, view: View) -> FakeTransaction:
        async def statement() -> None:
            await self._answer()
            if view.is_over:
                raise Fault("database_unreachable", "57P01")

        return FakeTransaction(view, self.server.tables, statement)

    async def _commit(self, view: View) -> None:
        """Commit; who is cancelled or cut off here does not learn what the server did."""
        await self._answer()
        if view.is_over:
            raise Fault("database_unreachable", "57P01")
        try:
            await self.process.step(self.weather)
        except asyncio.CancelledError:
            if self.weather.rng.random() < 0.5:
                self.server.commit(view)
            raise
        if view.is_over:
            raise Fault("database_unreachable", "57P01")
        self.server.commit(view)
        await self.process.step(self.weather)
        if self.weather.fails():
            raise Fault("database_unreachable", "08006")

    async def _answer(self) -> None:
        await self.process.step(self.weather)
        if self.weather.fails():
            raise self.weather.rng.choice(
                (
                    Fault("database_unreachable", "08006"),
                    Fault("database_timeout", "57014"),
                    Fault("conflict", "40001"),
                    Fault("conflict", "40P01"),
                )
            )


@dataclass
class FakeParked:
    """What waits, for the sweeper."""

    server: Server
    process: Process
    weather: Weather

    async def releasable(
        self, kind: str, after: int, limit: int, casino_ids: Collection[UUID] | None = None
    ) -> tuple[list[StoredRecord], int | None]:
        await self.process.step(self.weather)
        if self.weather.fails():
            raise Fault("database_unreachable", "08006")
        wanted = SlipClosed if kind == "rating_slip_closed" else PromotionAwarded
        found = [
            row
            for row in self.server.tables.table("parked").values()
            if row.id > after and isinstance(row.event, wanted) and is_releasable(self.server, row)
        ]
        found.sort(key=lambda row: int(row.id))
        if casino_ids is not None:
            found = [row for row in found if row.event.casino_id in casino_ids]
        page = found[:limit]
        stored = [StoredRecord(row.id, row.group, row.record) for row in page]
        return stored, page[-1].id if len(found) > limit else None

    async def expire(self, after: timedelta, limit: int) -> int:  # noqa: ARG002 - nothing is old
        return 0


def is_releasable(server: Server, row: ParkedRow) -> bool:
    """Say whether a row waits though its cause is gone."""
    event, tables = row.event, server.tables
    if row.outcome is not None or event.casino_id in tables.table("disabled"):
        return False
    return row.cause == "accrual_disabled" or (
        event.casino_id,
        event.rating_slip_id,
    ) in tables.table("slips")
