"""What the application needs from outside, as protocols; `database` and `consumers` provide it."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from loyalty_worker.domain.events import Decoded, SlipClosed
from loyalty_worker.domain.outcomes import DuplicateBy, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record


@dataclass(frozen=True, slots=True)
class Progress:
    """The current generation of a partition's row in `consumer_progress`.

    Offsets below `next_offset` are processed. `last_record_offset` and `last_record_hash` belong
    to the newest record that was there (None before the first); they tell a recreated topic.
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
    """The database's verdict on one slip: exactly one of `outcome` kinds, or a refusal by name.

    `verdict` is accrued, duplicate, skipped or refused; `points` are those minted now.
    """

    verdict: str
    duplicate_by: DuplicateBy | None
    refusal: str | None
    detail: str | None
    points: int


class Fault(Exception):  # noqa: N818 - the field's word for what is retried, see the specification
    """Something outside failed and will be tried again: no outcome, nothing committed.

    `reason` is a short code for logs and metrics (a closed set), `sqlstate` PostgreSQL's where it
    has one. The text of the driver's exception is not kept: it can hold personal data.
    """

    def __init__(self, reason: str, sqlstate: str | None = None) -> None:
        super().__init__(reason if sqlstate is None else f"{reason} ({sqlstate})")
        self.reason = reason
        self.sqlstate = sqlstate


class NeedsPersonError(Exception):
    """The work cannot go on until a person acts; `reason` is a code, `detail` says what to do.

    The worker looks again from time to time and goes on by itself once the cause is gone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class LedgerTransaction(Protocol):
    """One open database transaction; every method raises `Fault` when the database cannot."""

    async def lock_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Lock the partition's progress row until the end; None where there is none yet."""
        ...

    async def post_closed_slips(self, slips: Sequence[tuple[Record, SlipClosed]]) -> list[Posting]:
        """Post slips in the order given, as if one by one; one posting each, same order."""
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


class Decoder(Protocol):
    """Turns a record into an event or into the reason why it is none; never raises."""

    def __call__(self, record: Record, /) -> Decoded:
        """Decode one record."""
        ...
