"""Tries stored records again, those of one partition in one transaction; for both ways back."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby

from loyalty_worker.application.conflicts import conflict_retries
from loyalty_worker.application.judgement import Judged, casinos_of, judge, keep_waiting
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.ports import Decoder, Ledger, LedgerTransaction, Released, StoredRecord

Close = Callable[[LedgerTransaction, Sequence[tuple[int, RecordOutcome]]], Awaitable[None]]


def by_partition(stored: Sequence[StoredRecord]) -> Iterator[list[StoredRecord]]:
    """Group records by group, topic and partition; within each they keep their order."""
    for _, group in groupby(sorted(stored, key=_partition), key=_partition):
        yield list(group)


def _partition(one: StoredRecord) -> tuple[str, str, int]:
    return one.consumer_group, one.record.topic, one.record.partition


async def try_again(
    ledger: Ledger,
    decoder: Decoder,
    stored: Sequence[StoredRecord],
    close: Close,
    *,
    parks: bool,
    rehearse: bool = False,
) -> list[Released]:
    """Judge stored records of one partition as if they came live, but for progress.

    `close` writes down the outcomes in the same transaction, which is rolled back where
    `rehearse`. Where `parks`, what must wait is parked. Returns what became of each record, and
    of parked promotions that its slips released. Raises `Fault`.
    """
    records = [one.record for one in stored]
    decoded = [decoder(record) for record in records]
    first = stored[0]
    begin = ledger.rehearsal if rehearse else ledger.transaction
    correlation = f"{first.consumer_group}:{first.record.topic}:stored-{first.id}"
    judged = Judged((), ())
    async for attempt in conflict_retries():
        with attempt:
            async with begin(casinos_of(decoded), correlation) as tx:
                judged = await judge(tx, records, decoded)
                if parks:
                    settled = list(zip(records, decoded, judged.outcomes, strict=True))
                    await keep_waiting(tx, first.consumer_group, settled)
                await close(
                    tx, [(one.id, o) for one, o in zip(stored, judged.outcomes, strict=True)]
                )
    return [
        *(Released(r.topic, o) for r, o in zip(records, judged.outcomes, strict=True)),
        *judged.released,
    ]
