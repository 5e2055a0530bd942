"""What the audit of coverage asks: how far a group is, what the log holds, who accounts for it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from loyalty_worker.domain.accounting import Accounting
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.records import PartitionId, Record


@dataclass(frozen=True, slots=True)
class CountedRange:
    """The current generation of a partition: everything below `next_offset` is processed.

    `records` is the sum of the counts of outcomes, `without_record` the offsets that held none.
    """

    at: PartitionId
    generation: int
    first_offset: int
    next_offset: int
    last_record_offset: int | None
    last_record_hash: bytes | None
    records: int
    without_record: int

    @property
    def adds_up(self) -> bool:
        """Whether the counts are those of the offsets passed."""
        return self.next_offset - self.first_offset == self.records + self.without_record


@dataclass(frozen=True, slots=True)
class LogBounds:
    """A log's first offset, and the offset after its last committed record."""

    start: int
    end: int


class Accounts(Protocol):
    """The database, asked about records; each answer is of one snapshot."""

    async def counted_ranges(self, groups: Mapping[str, str]) -> list[CountedRange]:
        """Return the current generation of every partition of topics, each with its group."""
        ...

    async def account_for(
        self, records: Sequence[Record], decoded: Sequence[Decoded]
    ) -> list[Accounting]:
        """Say how records of one partition are accounted for, in the order given."""
        ...


class TopicLog(Protocol):
    """Kafka's log, read without a group."""

    async def bounds(self, topic: str) -> dict[PartitionId, LogBounds]:
        """Return the bounds of each partition; none where there is no such topic."""
        ...

    def read(self, at: PartitionId, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Yield the records of offsets `start` to `end` - 1, in order, some hundred at a time."""
        ...
