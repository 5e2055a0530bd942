"""Records that the database keeps, byte for byte: parked events and dead letters."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from loyalty_worker.domain.records import Record


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A parked row or a letter: its id, the group that consumed the record, and the record."""

    id: int
    consumer_group: str
    record: Record


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which open letters; a field that is None does not narrow. `since` is `occurred_at`'s."""

    ids: Collection[int] | None = None
    topic: str | None = None
    reason: str | None = None
    casino_id: UUID | None = None
    since: datetime | None = None


class ParkedEvents(Protocol):
    """Events that wait; every method raises `Fault` when the database cannot."""

    async def releasable(
        self, kind: str, after: int, limit: int, casino_ids: Collection[UUID] | None = None
    ) -> tuple[list[StoredRecord], int | None]:
        """Return those among the next `limit` waiting rows whose cause is gone.

        `kind` is `rating_slip_closed` or `promotion`; rows come in the order of their ids, from
        above `after`. The second value is where to look next, None at the end. Cause gone: the
        casino is enabled and, for a promotion, its slip is accrued or skipped; a promotion of a
        casino that was enabled again is given out once, to find out which of the two it is.
        """
        ...

    async def expire(self, after: timedelta, limit: int) -> int:
        """Turn promotions that awaited their slip too long into letters; return how many.

        Time during which the casino was disabled does not count. The letter's reason is
        `PARKED_EXPIRED`.
        """
        ...


class DeadLetters(Protocol):
    """Letters to be tried again; every method raises `Fault` when the database cannot."""

    async def open_letters(
        self, wanted: LetterFilter, after: int, limit: int
    ) -> Sequence[StoredRecord]:
        """Return open letters that still have their bytes, by id, from above `after`."""
        ...
