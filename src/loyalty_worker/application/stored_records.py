"""Tries stored records again, those of one partition in one transaction; for both ways back."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from loyalty_worker.application.conflicts import conflict_retries
from loyalty_worker.application.judgement import Judged, casinos_of, judge, keep_waiting
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.ports import Decoder, Fault, Ledger, LedgerTransaction, Released, StoredRecord

# What concerns the database as a whole; anything else may be one record's own.
_OF_THE_DATABASE = frozenset(
    {
        "database_unreachable",
        "database_login_refused",
        "database_resources",
        "database_schema",
        "database_timeout",
        "lock_timeout",
    }
)

OnFailure = Callable[[StoredRecord, Fault], None]
Close = Callable[[LedgerTransaction, Sequence[tuple[int, RecordOutcome]]], Awaitable[None]]


def by_partition(stored: Sequence[StoredRecord]) -> Iterator[list[StoredRecord]]:
    """Group records by group, topic and partition; within each they keep their order."""
    for _, group in groupby(sorted(stored, key=_partition), key=_partition):
        yield list(group)


def _partition(one: StoredRecord) -> tuple[str, str, int]:
    return one.consumer_group, one.record.topic, one.record.partition


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Judges stored records as if they came live, but for progress.

    `close` writes down the outcomes in the transaction that posts, which is rolled back where
    `rehearse`. Where `parks`, what must wait is parked. A record that fails alone is reported to
    `on_failure` and stays as it is.
    """

    ledger: Ledger
    decoder: Decoder
    close: Close
    on_failure: OnFailure
    parks: bool
    rehearse: bool = False

    async def __call__(self, stored: Sequence[StoredRecord]) -> list[Released]:
        """Try records of one partition; return what became of each, and of what they released.

        Raises `Fault` where the database fails.
        """
        try:
            return await self._together(stored)
        except Fault as fault:
            if fault.reason in _OF_THE_DATABASE:
                raise
            if len(stored) == 1:
                self.on_failure(stored[0], fault)
                return []
        middle = len(stored) // 2
        return [*await self(stored[:middle]), *await self(stored[middle:])]

    async def _together(self, stored: Sequence[StoredRecord]) -> list[Released]:
        records = [one.record for one in stored]
        decoded = [self.decoder(record) for record in records]
        first = stored[0]
        begin = self.ledger.rehearsal if self.rehearse else self.ledger.transaction
        correlation = f"{first.consumer_group}:{first.record.topic}:stored-{first.id}"
        judged = Judged((), ())
        async for attempt in conflict_retries():
            with attempt:
                async with begin(casinos_of(decoded), correlation) as tx:
                    judged = await judge(tx, records, decoded)
                    if self.parks:
                        settled = list(zip(records, decoded, judged.outcomes, strict=True))
                        await keep_waiting(tx, first.consumer_group, settled)
                    outcomes = zip(stored, judged.outcomes, strict=True)
                    await self.close(tx, [(one.id, outcome) for one, outcome in outcomes])
        return [
            *(Released(r.topic, o) for r, o in zip(records, judged.outcomes, strict=True)),
            *judged.released,
        ]
