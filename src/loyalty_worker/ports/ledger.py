"""The ledger's database: what one transaction can do, and the values that go in and out."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from loyalty_worker.domain.events import Decoded, Event, PromotionAwarded, SlipClosed
from loyalty_worker.domain.outcomes import DuplicateBy, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports.halts import Halt, Obstacles


@dataclass(frozen=True, slots=True)
class Progress:
    """The current generation of a partition's row in `consumer_progress`.

    Offsets below `next_offset` are processed. `last_record_offset` and `last_record_hash` belong
    to the last record of the newest batch whose log was known (None before the first); they tell
    a recreated topic.
    """

    generation: int
    first_offset: int
    next_offset: int
    last_record_offset: int | None
    last_record_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Advance:
    """How far one batch moves a partition's progress, and what became of the offsets passed.

    The counts cover the offsets from the former `next_offset` to the new one, and sum to their
    number.
    """

    next_offset: int
    last_record_offset: int | None
    last_record_hash: bytes | None
    accrued: int = 0
    duplicate: int = 0
    skipped: int = 0
    parked: int = 0
    dead_lettered: int = 0
    without_record: int = 0


@dataclass(frozen=True, slots=True)
class Posting:
    """The database's verdict on one event.

    `verdict` is accrued, duplicate, skipped or refused, and `refusal` the name where it is
    refused; `points` are those minted now. What is to be parked is refused too:
    LOYALTY_ACCRUAL_DISABLED, LOYALTY_BASE_NOT_ACCRUED.
    """

    verdict: str
    duplicate_by: DuplicateBy | None
    refusal: str | None
    detail: str | None
    points: int


@dataclass(frozen=True, slots=True)
class Released:
    """What became of one parked event that was released: the topic it came from, the outcome."""

    topic: str
    outcome: RecordOutcome


class LedgerTransaction(Protocol):
    """One open database transaction; every method raises `Fault` when the database cannot."""

    async def lock_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Lock the partition's progress row until the end; None where there is none yet."""
        ...

    async def obstacles(self, group: str, at: PartitionId, start: int, end: int) -> Obstacles:
        """Return the topic's halt, and the quarantined records of offsets `start` to `end` - 1."""
        ...

    async def record_halt(self, group: str, topic: str, halt: Halt) -> None:
        """Halt the topic for the group; where it is halted already nothing changes."""
        ...

    async def post_closed_slips(self, slips: Sequence[tuple[Record, SlipClosed]]) -> list[Posting]:
        """Post slips in the order given, as if one by one; one posting each, same order."""
        ...

    async def post_promotions(
        self, promotions: Sequence[tuple[Record, PromotionAwarded]]
    ) -> list[Posting]:
        """Post promotions in the order given, as if one by one; one posting each, same order."""
        ...

    async def release_parked_promotions(self, slips: Sequence[tuple[UUID, UUID]]) -> list[Released]:
        """Settle the parked promotions of slips (casino, slip) that were just accrued or skipped.

        They are posted in the order in which they came; a refusal becomes a letter.
        """
        ...

    async def park_events(
        self, group: str, events: Sequence[tuple[Record, Event, RecordOutcome]]
    ) -> None:
        """Keep events that wait, whole; the outcome's reason is why. Kept ones stay as they are."""
        ...

    async def close_parked_events(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        """Write down what became of parked rows, locking them; those closed meanwhile stay.

        `dead_lettered` files the letter; `parked` lets the row wait on, for the outcome's reason.
        """
        ...

    async def close_letters(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        """Write down what a redrive made of open letters, locking them.

        `dead_lettered` counts the attempt and leaves the letter open; anything else is
        `redriven`. Raises `Fault` (conflict) where one of them is not open any more.
        """
        ...

    async def file_dead_letters(
        self, group: str, letters: Sequence[tuple[Record, Decoded, RecordOutcome]]
    ) -> None:
        """Keep records that cannot succeed, whole; a letter that exists counts the attempt."""
        ...

    async def resolve_dead_letters(self, records: Sequence[Record]) -> int:
        """Mark open letters of these records as resolved; return how many there were."""
        ...

    async def advance_progress(
        self, group: str, at: PartitionId, generation: int, advance: Advance
    ) -> None:
        """Move the partition's position and counts; the row must be locked by this transaction."""
        ...


class Ledger(Protocol):
    """The ledger's database."""

    def transaction(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AbstractAsyncContextManager[LedgerTransaction]:
        """Open a transaction scoped to these casinos; commits on normal exit, else rolls back."""
        ...

    def rehearsal(
        self, casino_ids: Collection[UUID], correlation_id: str
    ) -> AbstractAsyncContextManager[LedgerTransaction]:
        """Open a transaction that is rolled back at its end, however it ends."""
        ...

    async def read_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Return the partition's current progress without locking it."""
        ...

    async def open_generation(
        self, group: str, at: PartitionId, after: int | None, first_offset: int
    ) -> Progress:
        """Start counting at `first_offset`: generation 1 where `after` is None, else `after` + 1.

        Where another worker was faster, its row is returned unchanged.
        """
        ...
