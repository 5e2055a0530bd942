"""The audit of coverage: whether all processed records that the log holds are accounted for.

Positions are read before the log and before any look-up. What lies below them was committed by
then, and is never taken back, so traffic raises no false alarm.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from loyalty_worker.application.coverage_remarks import (
    Remark,
    another_log,
    of_no_progress,
    of_range,
    of_records,
)
from loyalty_worker.domain.accounting import AccountedBy, Accounting, Lack
from loyalty_worker.domain.events import Decoded, Undecodable
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Decoder
from loyalty_worker.ports.coverage import Accounts, CountedRange, LogBounds, TopicLog

_WORDS = {
    Lack.LETTER_OF_CONFLICT: "other facts than those recorded, and no dead letter",
    Lack.LETTER_OF_PARKED: "it was parked and became a dead letter, which is missing",
    Lack.ENTRY_OF_PARKED: "it was parked and released, but nothing came of it",
    Lack.ENTRY_OF_LETTER: "its dead letter is closed as posted, but nothing came of it",
    Lack.ENTRY_OF_SLIP: "its slip is recorded as closed, but its base accrual is missing",
    Lack.EVERYTHING: "no entry, no skipped slip, no parked event and no dead letter",
}


@dataclass(frozen=True, slots=True)
class UnaccountedRecord:
    """A processed record that nothing accounts for; `reason` says in words what is lacking."""

    at: PartitionId
    offset: int
    event_id: str | None
    reason: str


@dataclass(slots=True)
class PartitionCoverage:
    """What was looked at of a partition: offsets from `start` to `end` - 1, and what was found.

    `generation` is None where the group has no progress there; `lag` offsets lie above `end`.
    """

    at: PartitionId
    generation: int | None
    start: int
    end: int
    lag: int
    accounts: Counter[AccountedBy | None] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many records the range holds."""
        return self.accounts.total()

    @property
    def unaccounted(self) -> int:
        """How many of them nothing accounts for."""
        return self.accounts[None]

    @property
    def is_whole(self) -> bool:
        """Whether everything is accounted for, and position, counts and log fit together."""
        return not self.unaccounted and not any(remark.is_problem for remark in self.remarks)


class AuditCoverage:
    """Audits topics, partition by partition, with memory for some hundred records."""

    def __init__(
        self,
        accounts: Accounts,
        log: TopicLog,
        decoder: Decoder,
        on_unaccounted: Callable[[UnaccountedRecord], None],
        on_progress: Callable[[PartitionId, int, int], None],
    ) -> None:
        self._accounts = accounts
        self._log = log
        self._decoder = decoder
        self._on_unaccounted = on_unaccounted
        self._on_progress = on_progress

    async def __call__(self, groups: Mapping[str, str]) -> AsyncIterator[PartitionCoverage]:
        """Audit topics, each with its consumer group; yield what was found, by partition.

        Each unaccounted record is reported to `on_unaccounted`; `on_progress` learns how many of
        a partition's offsets were passed, and of how many.
        """
        counted = {one.at: one for one in await self._accounts.counted_ranges(groups)}
        for topic in groups:
            bounds = await self._log.bounds(topic)
            known = [at for at in counted if at.topic == topic]
            for at in sorted({*bounds, *known}, key=lambda one: one.partition):
                inside = bounds.get(at, LogBounds(0, 0))
                if at in counted:
                    yield await self._audit(counted[at], inside)
                else:
                    yield _without_progress(at, groups[topic], inside)

    async def _audit(self, counted: CountedRange, bounds: LogBounds) -> PartitionCoverage:
        at = counted.at
        end = min(counted.next_offset, bounds.end)
        start = min(bounds.start, end)
        lag = bounds.end - max(bounds.start, end)
        coverage = PartitionCoverage(at, counted.generation, start, end, lag)
        coverage.remarks += of_range(counted, bounds)
        held = 0
        async for records in self._log.read(at, start, end):
            await self._account(coverage, records)
            held += sum(record.offset >= counted.first_offset for record in records)
            coverage.remarks += another_log(counted, records)
            self._on_progress(at, records[-1].offset + 1 - start, end - start)
        coverage.remarks += of_records(counted, bounds, held)
        return coverage

    async def _account(self, coverage: PartitionCoverage, records: Sequence[Record]) -> None:
        decoded = [self._decoder(record) for record in records]
        accountings = await self._accounts.account_for(records, decoded)
        for record, event, accounting in zip(records, decoded, accountings, strict=True):
            coverage.accounts[accounting.by] += 1
            if accounting.by is None:
                self._on_unaccounted(
                    UnaccountedRecord(
                        coverage.at, record.offset, _event_id(event), _reason(event, accounting)
                    )
                )


def _without_progress(at: PartitionId, group: str, bounds: LogBounds) -> PartitionCoverage:
    start, lag = bounds.start, bounds.end - bounds.start
    return PartitionCoverage(at, None, start, start, lag, remarks=of_no_progress(group, bounds))


def _event_id(event: Decoded) -> str | None:
    return None if event.identity is None else event.identity.id


def _reason(event: Decoded, accounting: Accounting) -> str:
    if isinstance(event, Undecodable):
        return f"no event ({event.reason}), and no dead letter"
    return _WORDS[accounting.lack or Lack.EVERYTHING]
