"""The main use case: post one batch of one partition, whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from loyalty_worker.application.batches import (
    Batch,
    Faulted,
    Halted,
    Misplaced,
    Posted,
    Settled,
    Verdict,
)
from loyalty_worker.application.breaker import Breaker, BreakerLimits
from loyalty_worker.application.conflicts import conflict_retries
from loyalty_worker.application.judgement import Judged, casinos_of, judge, keep
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import LetterReason, Outcome, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import (
    Advance,
    Fault,
    Halt,
    Ledger,
    LedgerTransaction,
    Obstacles,
    Progress,
)

_QUARANTINED = RecordOutcome(Outcome.DEAD_LETTERED, reason=LetterReason.QUARANTINED.value)


class _EndsEarlierError(Exception):
    """The breaker trips before the batch's end: roll back, and post no further than `end`."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


@dataclass(frozen=True, slots=True)
class _Result:
    record: Record
    event: Decoded
    outcome: RecordOutcome


class PostBatch:
    """Posts batches for one consumer group.

    One transaction locks the partition's progress, posts what the records say, keeps what waits
    and what cannot succeed, and advances the progress; so a crash at any instant leaves all of it
    or nothing.
    """

    def __init__(self, ledger: Ledger, group: str, limits: BreakerLimits) -> None:
        self._ledger = ledger
        self._group = group
        self._limits = limits
        self._breakers: dict[PartitionId, Breaker] = {}

    async def __call__(
        self,
        batch: Batch,
        decoded: Sequence[Decoded],
        decided: Mapping[int, RecordOutcome] | None = None,
    ) -> Verdict:
        """Post `batch`; `decoded` has one element per record, in order. Never raises `Fault`.

        Records whose offsets are in `decided` are not tried: they become that.
        """
        try:
            async for attempt in conflict_retries():
                with attempt:
                    return await self._post(batch, decoded, decided or {})
        except _EndsEarlierError as early:
            return await self(*_up_to(batch, decoded, early.end), decided)
        except Fault as fault:
            return Faulted(fault.reason, fault.sqlstate)
        raise AssertionError("tenacity ends by returning or raising")

    async def rehearse(self, batch: Batch, decoded: Sequence[Decoded]) -> bool:
        """Say whether these records would post; rolled back. Raises no `Fault`: that is a no."""
        try:
            async with self._ledger.rehearsal(
                casinos_of(decoded), f"{self._group}:rehearsal"
            ) as tx:
                await self._keep(tx, _results(batch, decoded, await _judge(tx, batch, decoded, {})))
        except Fault:
            return False
        return True

    async def halt(self, at: PartitionId, halt: Halt) -> None:
        """Halt the partition's topic until a person resumes it. Raises `Fault`."""
        async with self._ledger.transaction((), f"{self._group}:{at}:halt") as tx:
            await tx.record_halt(self._group, at.topic, halt)

    async def _post(
        self, batch: Batch, decoded: Sequence[Decoded], decided: Mapping[int, RecordOutcome]
    ) -> Verdict:
        correlation = f"{self._group}:{batch.at}:{batch.start}"
        breaker = self._breakers.setdefault(batch.at, Breaker(self._limits))
        async with self._ledger.transaction(casinos_of(decoded), correlation) as tx:
            progress = await tx.lock_progress(self._group, batch.at)
            if progress is None or progress.generation != batch.generation:
                return Misplaced(None)
            if batch.start > progress.next_offset:
                return Misplaced(progress.next_offset)
            obstacles = await tx.obstacles(self._group, batch.at, batch.start, batch.end)
            if obstacles.halt is not None:
                return Halted(obstacles.halt)
            decided = {**_quarantined(batch, obstacles), **decided}
            judged = await _judge(tx, batch, decoded, decided)
            results = _results(batch, decoded, judged)
            new = [one for one in results if one.record.offset >= progress.next_offset]
            halt = await self._halt_of_breaker(tx, breaker, batch, new)
            await self._keep(tx, [one for one in results if one.outcome is not _QUARANTINED])
            await self._resolve(tx, batch, progress, results)
            settled = tuple(Settled(one.record, one.event, one.outcome) for one in new)
            if batch.end > progress.next_offset:
                advance = _advance(batch, progress, settled)
                await tx.advance_progress(self._group, batch.at, batch.generation, advance)
        breaker.count([one.outcome for one in new])
        if halt is not None:
            breaker.reset()
        return Posted(
            settled,
            redelivered=len(results) - len(settled),
            next_offset=batch.end,
            released=judged.released,
            halt=halt,
        )

    async def _halt_of_breaker(
        self, tx: LedgerTransaction, breaker: Breaker, batch: Batch, new: Sequence[_Result]
    ) -> Halt | None:
        """Halt the topic where the breaker trips at the last record; a batch ends there."""
        index = breaker.trips_at([one.outcome for one in new])
        if index is None:
            return None
        last = new[index]
        end = last.record.offset + 1
        if end < batch.end:
            raise _EndsEarlierError(end)
        halt = Halt(
            "breaker",
            f"too many records are refused, the last one for {last.outcome.reason}",
            batch.at.partition,
            last.record.offset,
        )
        await tx.record_halt(self._group, batch.at.topic, halt)
        return halt

    async def _keep(self, tx: LedgerTransaction, results: Sequence[_Result]) -> None:
        await keep(tx, self._group, [(one.record, one.event, one.outcome) for one in results])

    async def _resolve(
        self,
        tx: LedgerTransaction,
        batch: Batch,
        progress: Progress,
        results: Sequence[_Result],
    ) -> None:
        may_have_letters = batch.start < progress.next_offset or progress.generation > 1
        settled = [r.record for r in results if r.outcome.outcome is not Outcome.DEAD_LETTERED]
        if may_have_letters and settled:
            await tx.resolve_dead_letters(settled)


def _up_to(batch: Batch, decoded: Sequence[Decoded], end: int) -> tuple[Batch, Sequence[Decoded]]:
    """Return the part of a batch below the offset `end`."""
    count = sum(record.offset < end for record in batch.records)
    return replace(batch, end=end, records=batch.records[:count]), decoded[:count]


def _quarantined(batch: Batch, obstacles: Obstacles) -> dict[int, RecordOutcome]:
    if not obstacles.quarantined:
        return {}
    return {
        record.offset: _QUARANTINED
        for record in batch.records
        if (record.offset, record.fingerprint()) in obstacles.quarantined
    }


async def _judge(
    tx: LedgerTransaction,
    batch: Batch,
    decoded: Sequence[Decoded],
    decided: Mapping[int, RecordOutcome],
) -> Judged:
    if not decided:
        return await judge(tx, batch.records, decoded)
    tried = [
        (record, event)
        for record, event in zip(batch.records, decoded, strict=True)
        if record.offset not in decided
    ]
    judged = await judge(tx, [record for record, _ in tried], [event for _, event in tried])
    rest = iter(judged.outcomes)
    outcomes = [decided.get(record.offset) or next(rest) for record in batch.records]
    return Judged(tuple(outcomes), judged.released)


def _results(batch: Batch, decoded: Sequence[Decoded], judged: Judged) -> list[_Result]:
    return [_Result(*one) for one in zip(batch.records, decoded, judged.outcomes, strict=True)]


def _advance(batch: Batch, progress: Progress, settled: Sequence[Settled]) -> Advance:
    counts = dict.fromkeys(Outcome, 0)
    for one in settled:
        counts[one.outcome.outcome] += 1
    # Where no record is kept yet, a look at the log has nothing to compare with: the first will do.
    keeps_one = batch.log_known or progress.last_record_offset is None
    last = settled[-1].record if settled and keeps_one else None
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
