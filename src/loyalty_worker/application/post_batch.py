"""The main use case: post one batch of one partition, whole or not at all."""

from collections.abc import Sequence

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from loyalty_worker.application.batches import (
    Batch,
    Faulted,
    Halted,
    Misplaced,
    Posted,
    Settled,
    Verdict,
)
from loyalty_worker.application.judgement import casinos_of, judge, keep
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.domain.records import Record
from loyalty_worker.ports import (
    Advance,
    Fault,
    Ledger,
    LedgerTransaction,
    NeedsPersonError,
    Progress,
)

_CONFLICT_ATTEMPTS = 5


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, Fault) and error.reason == "conflict"


class PostBatch:
    """Posts batches for one consumer group.

    One transaction locks the partition's progress, posts what the records say, keeps what cannot
    succeed, and advances the progress; so a crash at any instant leaves all of it or nothing.
    """

    def __init__(self, ledger: Ledger, group: str) -> None:
        self._ledger = ledger
        self._group = group

    async def __call__(self, batch: Batch, decoded: Sequence[Decoded]) -> Verdict:
        """Post `batch`; `decoded` has one element per record, in order. Never raises `Fault`.

        Conflicts with other transactions (deadlock, serialization, a key that another worker
        inserted meanwhile) are tried again at once a few times; they end by themselves.
        """
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(_CONFLICT_ATTEMPTS),
                wait=wait_random(0, 0.05),
                retry=retry_if_exception(_is_conflict),
                reraise=True,
            ):
                with attempt:
                    return await self._post(batch, decoded)
        except NeedsPersonError as error:
            return Halted(error.reason, error.detail)
        except Fault as fault:
            return Faulted(fault.reason, fault.sqlstate)
        raise AssertionError("tenacity ends by returning or raising")  # pragma: no cover

    async def _post(self, batch: Batch, decoded: Sequence[Decoded]) -> Verdict:
        correlation = f"{self._group}:{batch.at}:{batch.start}"
        async with self._ledger.transaction(casinos_of(decoded), correlation) as tx:
            progress = await tx.lock_progress(self._group, batch.at)
            if progress is None or progress.generation != batch.generation:
                return Misplaced(None)
            if batch.start > progress.next_offset:
                return Misplaced(progress.next_offset)
            judged = await judge(tx, batch.records, decoded)
            results = list(zip(batch.records, decoded, judged.outcomes, strict=True))
            await self._keep(tx, batch, progress, results)
            settled = tuple(
                Settled(record, event, outcome)
                for record, event, outcome in results
                if record.offset >= progress.next_offset
            )
            if batch.end > progress.next_offset:
                advance = _advance(batch, progress, settled)
                await tx.advance_progress(self._group, batch.at, batch.generation, advance)
        return Posted(settled, len(results) - len(settled), judged.released)

    async def _keep(
        self,
        tx: LedgerTransaction,
        batch: Batch,
        progress: Progress,
        results: Sequence[tuple[Record, Decoded, RecordOutcome]],
    ) -> None:
        await keep(tx, self._group, results)
        may_have_letters = batch.start < progress.next_offset or progress.generation > 1
        settled = [r for r, _, o in results if o.outcome is not Outcome.DEAD_LETTERED]
        if may_have_letters and settled:
            await tx.resolve_dead_letters(settled)


def _advance(batch: Batch, progress: Progress, settled: Sequence[Settled]) -> Advance:
    counts = dict.fromkeys(Outcome, 0)
    for one in settled:
        counts[one.outcome.outcome] += 1
    last = settled[-1].record if settled else None
    return Advance(
        next_offset=batch.end,
        last_record_offset=last.offset if last else None,
        last_record_hash=last.fingerprint() if last else None,
        accrued=counts[Outcome.ACCRUED],
        duplicate=counts[Outcome.DUPLICATE],
        skipped=counts[Outcome.SKIPPED],
        parked=counts[Outcome.PARKED],
        dead_lettered=counts[Outcome.DEAD_LETTERED],
        without_record=batch.end - progress.next_offset - len(settled),
    )
