"""Finds the one record that fails with an error that no rule names, while its neighbours post.

Specification, "What becomes of a record": such an error is a fault like others until it repeats
for one record alone. The batch is then split into consecutive ranges, each of which advances the
position, and the topic's policy decides about the record: halt the topic, or a dead letter. Where
everything fails, the cause is no record, and nothing is decided.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from loyalty_worker.application.batches import Batch, Faulted, Posted, Verdict
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import LetterReason, Outcome, RecordOutcome
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import UNKNOWN_ERROR, Fault, Halt

UnknownErrorPolicy: TypeAlias = Literal["stop", "dead_letter"]

_MISTAKE: Final = "handler_failed"
_MOST_PROBES = 10


class Isolate:
    """Posts batches through `PostBatch`; splits one that fails twice for no known reason."""

    def __init__(self, post: PostBatch, policy: UnknownErrorPolicy) -> None:
        self._post = post
        self._policy = policy
        self._suspects: dict[PartitionId, tuple[int, int]] = {}

    async def __call__(self, batch: Batch, decoded: Sequence[Decoded]) -> Verdict:
        """Post `batch`. What `PostBatch` raises by a mistake passes through the first time."""
        place = (batch.generation, batch.start)
        known = self._suspects.pop(batch.at, None) == place
        try:
            verdict = await self._post(batch, decoded)
        except Exception:  # not swallowed: raised and logged the first time, isolated the second
            if not known:
                self._suspects[batch.at] = place
                raise
            verdict = Faulted(_MISTAKE)
        if not _is_unknown(verdict):
            return verdict
        if known:
            verdict = await self._isolate(batch, decoded, verdict)
        if _is_unknown(verdict):
            self._suspects[batch.at] = place
        return verdict

    async def _isolate(self, batch: Batch, decoded: Sequence[Decoded], failed: Verdict) -> Verdict:
        posted: list[Posted] = []
        low, high = 0, len(batch.records)
        while high - low > 1:
            middle = (low + high) // 2
            verdict = await self._try(*_range(batch, decoded, low, middle))
            if isinstance(verdict, Posted):
                posted.append(verdict)
                low = middle
                if verdict.halt is not None:
                    return _merged(posted)
            elif _is_unknown(verdict):
                high = middle
            else:
                return _merged(posted) if posted else verdict
        if high == low:
            return failed
        alone = _range(batch, decoded, low, low + 1)
        verdict = await self._try(*alone)
        if (
            isinstance(verdict, Faulted)
            and _is_unknown(verdict)
            and (posted or await self._a_later_neighbour_posts(batch, decoded, low))
        ):
            verdict = await self._decide(*alone, verdict)
        if isinstance(verdict, Posted):
            return _merged([*posted, verdict])
        return _merged(posted) if posted else verdict

    async def _try(self, batch: Batch, decoded: Sequence[Decoded]) -> Verdict:
        try:
            return await self._post(batch, decoded)
        except Exception:  # noqa: BLE001 - it was said when the whole batch raised it
            return Faulted(_MISTAKE)

    async def _a_later_neighbour_posts(
        self, batch: Batch, decoded: Sequence[Decoded], index: int
    ) -> bool:
        last = len(batch.records)
        if index + 1 == last:
            return False
        ranges = [(index + 1, last)]
        ranges += [(i, i + 1) for i in range(index + 1, min(last, index + 1 + _MOST_PROBES))]
        for low, high in ranges:
            try:
                if await self._post.rehearse(*_range(batch, decoded, low, high)):
                    return True
            except Exception:  # noqa: BLE001, S112 - a neighbour that fails by the same mistake
                continue
        return False

    async def _decide(self, batch: Batch, decoded: Sequence[Decoded], failed: Faulted) -> Verdict:
        record = batch.records[0]
        if self._policy == "dead_letter":
            letter = RecordOutcome(
                Outcome.DEAD_LETTERED,
                reason=LetterReason.UNKNOWN_ERROR.value,
                sqlstate=failed.sqlstate,
                detail="fails alone while its neighbours post; no rule names the error",
            )
            return await self._post(batch, decoded, {record.offset: letter})
        halt = Halt(
            "unknown_error",
            f"the record fails alone with {failed.sqlstate or failed.reason},"
            " which no rule names, while its neighbours post",
            record.partition,
            record.offset,
        )
        try:
            await self._post.halt(batch.at, halt)
        except Fault as fault:
            return Faulted(fault.reason, fault.sqlstate)
        return Posted((), redelivered=0, next_offset=batch.start, halt=halt)


def _is_unknown(verdict: Verdict) -> bool:
    return isinstance(verdict, Faulted) and verdict.reason in (UNKNOWN_ERROR, _MISTAKE)


def _range(
    batch: Batch, decoded: Sequence[Decoded], low: int, high: int
) -> tuple[Batch, Sequence[Decoded]]:
    """Return the records from `low` up to `high`, with the offsets without records before them."""
    records = batch.records
    start = records[low - 1].offset + 1 if low else batch.start
    end = batch.end if high == len(records) else records[high - 1].offset + 1
    return replace(batch, start=start, end=end, records=records[low:high]), decoded[low:high]


def _merged(posted: Sequence[Posted]) -> Posted:
    return Posted(
        tuple(settled for one in posted for settled in one.settled),
        redelivered=sum(one.redelivered for one in posted),
        next_offset=posted[-1].next_offset,
        released=tuple(released for one in posted for released in one.released),
        halt=posted[-1].halt,
    )
