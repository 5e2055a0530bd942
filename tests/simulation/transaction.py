"""`LedgerTransaction` in memory: the rules of the SQL functions as far as the protocol needs them.

An accrual mints its average bet, a promotion its bonus, so that an expectation needs no formula.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from loyalty_worker.domain.events import Decoded, Event, PromotionAwarded, SlipClosed, VisitKind
from loyalty_worker.domain.idempotency import idempotency_key
from loyalty_worker.domain.outcomes import DuplicateBy, Outcome, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import (
    UNKNOWN_ERROR,
    Advance,
    Fault,
    Halt,
    Obstacles,
    Posting,
    Progress,
    Released,
)
from simulation.tables import LetterRow, ParkedRow, ProgressRow, Tables, View
from simulation.traffic import record_id

_SKIPPED = Posting("skipped", None, None, None, 0)
_BY_KEY = Posting("duplicate", DuplicateBy.KEY, None, None, 0)
_BY_NATURAL_KEY = Posting("duplicate", DuplicateBy.NATURAL_KEY, None, None, 0)
_PARKED_FOR = {
    "LOYALTY_ACCRUAL_DISABLED": "accrual_disabled",
    "LOYALTY_BASE_NOT_ACCRUED": "awaiting_accrual",
}


def progress_of(row: ProgressRow) -> Progress:
    """Return the part of a row that the port shows."""
    return Progress(
        row.generation,
        row.first_offset,
        row.next_offset,
        row.last_record_offset,
        row.last_record_hash,
    )


class FakeTransaction:
    """One open transaction; `statement` is awaited before each, and may raise `Fault`."""

    def __init__(
        self, view: View, tables: Tables, statement: Callable[[], Awaitable[None]]
    ) -> None:
        self._view = view
        self._tables = tables
        self._statement = statement
        self._is_halted = False
        self._set_aside: frozenset[tuple[int, bytes]] = frozenset()

    async def lock_progress(self, group: str, at: PartitionId) -> Progress | None:
        await self._statement()
        await self._view.lock("progress", group, at)
        row = self._view.get("progress", (group, at))
        return None if row is None else progress_of(row)

    async def obstacles(self, group: str, at: PartitionId, start: int, end: int) -> Obstacles:
        await self._statement()
        halt = self._view.get("halts", (group, at.topic))
        self._is_halted = halt is not None
        self._set_aside = frozenset(
            (row.record.offset, row.record.fingerprint())
            for row in self._view.scan("letters")
            if row.quarantined and row.status == "open"
            if PartitionId(row.record.topic, row.record.partition) == at
            if start <= row.record.offset < end
        )
        return Obstacles(halt, self._set_aside)

    async def record_halt(self, group: str, topic: str, halt: Halt) -> None:
        await self._statement()
        await self._view.lock("halts", group, topic)
        if self._view.get("halts", (group, topic)) is None:
            self._view.put("halts", (group, topic), halt)
            self._tables.seen[f"halted by {halt.reason}"] += 1

    async def post_closed_slips(self, slips: Sequence[tuple[Record, SlipClosed]]) -> list[Posting]:
        await self._statement()
        return [await self._post_slip(record, slip) for record, slip in slips]

    async def post_promotions(
        self, promotions: Sequence[tuple[Record, PromotionAwarded]]
    ) -> list[Posting]:
        await self._statement()
        return [await self._post_promotion(record, award) for record, award in promotions]

    async def release_parked_promotions(self, slips: Sequence[tuple[UUID, UUID]]) -> list[Released]:
        await self._statement()
        opened = set(slips)
        released = []
        for row in self._waiting():
            event = row.event
            if not isinstance(event, PromotionAwarded):
                continue
            if (event.casino_id, event.rating_slip_id) not in opened:
                continue
            posting = await self._post_promotion(row.record, event)
            if posting.refusal in _PARKED_FOR:
                continue
            outcome = RecordOutcome(
                Outcome.DEAD_LETTERED if posting.refusal else Outcome(posting.verdict),
                duplicate_by=posting.duplicate_by,
                reason=posting.refusal,
                points=posting.points,
            )
            if await self._close(row, outcome):
                released.append(Released(row.record.topic, outcome))
        return released

    async def park_events(
        self, group: str, events: Sequence[tuple[Record, Event, RecordOutcome]]
    ) -> None:
        await self._statement()
        for record, event, outcome in events:
            which = record_id(record)
            await self._view.lock("parked", which)
            kept = self._view.get("parked", which)
            if kept is None or kept.outcome is not None:
                row_id = kept.id if kept else self._tables.next_id()
                self._view.put(
                    "parked", which, ParkedRow(row_id, group, record, event, str(outcome.reason))
                )

    async def close_parked_events(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        await self._statement()
        rows = {row.id: row for row in self._view.scan("parked")}
        for row_id, outcome in sorted(closings, key=lambda one: one[0]):
            if row_id in rows:
                await self._close(rows[row_id], outcome)

    async def close_letters(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        await self._statement()
        rows: dict[int, LetterRow] = {row.id: row for row in self._view.scan("letters")}
        for row_id, outcome in sorted(closings, key=lambda one: one[0]):
            which = record_id(rows[row_id].record)
            await self._view.lock("letters", which)
            row: LetterRow = self._view.get("letters", which)
            if row.status != "open":
                raise Fault("conflict", "40001")
            if outcome.outcome is Outcome.DEAD_LETTERED:
                self._view.put("letters", which, replace(row, outcome=outcome))
            else:
                self._view.put("letters", which, replace(row, status="redriven"))
                self._tables.seen["redriven"] += 1

    async def file_dead_letters(
        self,
        group: str,
        letters: Sequence[tuple[Record, Decoded, RecordOutcome]],
    ) -> None:
        await self._statement()
        for record, _, outcome in letters:
            await self._file(group, record, outcome)

    async def resolve_dead_letters(self, records: Sequence[Record]) -> int:
        await self._statement()
        resolved = 0
        for record in records:
            which = record_id(record)
            await self._view.lock("letters", which)
            letter = self._view.get("letters", which)
            if letter is not None and letter.status == "open":
                self._view.put("letters", which, replace(letter, status="resolved"))
                resolved += 1
                self._tables.seen["resolved"] += 1
        return resolved

    async def advance_progress(
        self, group: str, at: PartitionId, generation: int, advance: Advance
    ) -> None:
        await self._statement()
        await self._view.lock("progress", group, at)
        row: ProgressRow | None = self._view.get("progress", (group, at))
        if row is None or row.generation != generation:
            raise Fault("database_error", "55000")
        if self._is_halted:
            self._tables.violations.append(f"{at} moves on though its topic is halted")
        came = (
            advance.accrued,
            advance.duplicate,
            advance.skipped,
            advance.parked,
            advance.dead_lettered,
            advance.without_record,
        )
        one, two, three, four, five, six = (
            old + new for old, new in zip(row.counts, came, strict=True)
        )
        is_newer = advance.last_record_offset is not None and advance.last_record_offset >= (
            row.last_record_offset or 0
        )
        moved = replace(
            row,
            next_offset=max(row.next_offset, advance.next_offset),
            counts=(one, two, three, four, five, six),
            last_record_offset=advance.last_record_offset if is_newer else row.last_record_offset,
            last_record_hash=advance.last_record_hash if is_newer else row.last_record_hash,
        )
        if sum(moved.counts) != moved.next_offset - moved.first_offset:
            raise Fault("database_error", "23514")
        self._view.put("progress", (group, at), moved)

    async def _post_slip(self, record: Record, slip: SlipClosed) -> Posting:
        self._may_be_tried(record)
        which = (slip.casino_id, slip.rating_slip_id)
        is_rated = slip.visit_kind is VisitKind.GAMING_IDENTIFIED_RATED
        waited = await self._view.lock("slips", which)
        kept = self._view.get("slips", which)
        if kept is not None:
            if waited:
                raise Fault("conflict", "23505")
            former, former_key = kept
            if former != (is_rated, slip.average_bet):
                return _refused("LOYALTY_FACTS_CONFLICT")
            is_same = is_rated and former_key == idempotency_key("base_accrual", slip.identity)
            return _BY_KEY if is_same else _BY_NATURAL_KEY
        if not self._is_enabled(slip.casino_id):
            return _refused("LOYALTY_ACCRUAL_DISABLED")
        key = idempotency_key("base_accrual", slip.identity)
        self._may_be_written(record)
        self._view.put("slips", which, ((is_rated, slip.average_bet), key))
        if not is_rated:
            return _SKIPPED
        return await self._mint(which, key, int(slip.average_bet))

    async def _post_promotion(self, record: Record, award: PromotionAwarded) -> Posting:
        self._may_be_tried(record)
        slip = (award.casino_id, award.rating_slip_id)
        which = (*slip, award.campaign_id)
        key = idempotency_key("promotion", award.identity)
        waited = await self._view.lock("entries", which)
        entry = self._view.get("entries", which)
        if entry is not None:
            if waited:
                raise Fault("conflict", "23505")
            return _BY_KEY if entry[0] == key else _BY_NATURAL_KEY
        kept = self._view.get("slips", slip)
        if kept is not None and not kept[0][0]:
            return _SKIPPED
        if not self._is_enabled(award.casino_id):
            return _refused("LOYALTY_ACCRUAL_DISABLED")
        if kept is None:
            return _refused("LOYALTY_BASE_NOT_ACCRUED")
        self._may_be_written(record)
        return await self._mint(which, key, award.bonus_points or 0)

    async def _mint(self, which: tuple[object, ...], key: UUID, points: int) -> Posting:
        await self._view.lock("entries", which)
        if self._view.get("entries", which) is not None:
            raise Fault("conflict", "23505")
        self._view.put("entries", which, (key, points))
        return Posting("accrued", None, None, None, points)

    async def _close(self, found: ParkedRow, outcome: RecordOutcome) -> bool:
        """Settle a waiting row; False where it was settled meanwhile."""
        which = record_id(found.record)
        await self._view.lock("parked", which)
        row: ParkedRow = self._view.get("parked", which)
        if row.outcome is not None:
            return False
        if outcome.outcome is Outcome.PARKED:
            self._view.put("parked", which, replace(row, cause=str(outcome.reason)))
            return True
        self._view.put("parked", which, replace(row, outcome=outcome.outcome))
        if outcome.outcome is Outcome.DEAD_LETTERED:
            await self._file(row.group, row.record, outcome)
        return True

    async def _file(self, group: str, record: Record, outcome: RecordOutcome) -> None:
        which = record_id(record)
        await self._view.lock("letters", which)
        kept: LetterRow | None = self._view.get("letters", which)
        if kept is None:
            kept = LetterRow(self._tables.next_id(), group, record, outcome)
        self._view.put("letters", which, replace(kept, outcome=outcome))

    def _may_be_tried(self, record: Record) -> None:
        """Note it where a record is tried that the transaction knows to be set aside."""
        if (record.offset, record.fingerprint()) in self._set_aside:
            self._tables.violations.append(f"tried though set aside: {record_id(record)}")

    def _may_be_written(self, record: Record) -> None:
        """Fail, as by a trigger that nobody thought of, for a record that is poison."""
        if record.value in self._tables.table("poison"):
            raise Fault(UNKNOWN_ERROR, "XX000")

    def _waiting(self) -> list[ParkedRow]:
        rows = [row for row in self._view.scan("parked") if row.outcome is None]
        return sorted(rows, key=lambda row: row.id)

    def _is_enabled(self, casino_id: UUID) -> bool:
        return casino_id not in self._tables.table("disabled")


def _refused(name: str) -> Posting:
    return Posting("refused", None, name, None, 0)
