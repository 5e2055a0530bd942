"""Requests for a drift check, one by one: checked, or kept as a dead letter."""

from collections.abc import Callable, Sequence

from loyalty_worker.application.batches import Batch, Faulted, Posted, Settled, Verdict
from loyalty_worker.application.check_drift import CheckDrift
from loyalty_worker.application.outcome_table import outcome_of
from loyalty_worker.domain.events import Decoded, DriftCheckRequested, Undecodable
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.domain.records import Record
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.ports import (
    CasinoUnknownError,
    DriftRequest,
    DriftSummary,
    Fault,
    Ledger,
)

OnChecked = Callable[[DriftSummary], None]

_UNKNOWN_CASINO = RecordOutcome(
    Outcome.DEAD_LETTERED,
    reason=Refusal.LOYALTY_CASINO_UNKNOWN.name,
    sqlstate=Refusal.LOYALTY_CASINO_UNKNOWN.value,
    detail="a check of a casino that nobody provisioned",
)


class AnswerDriftRequests:
    """Runs the check that a record asks for; `schedule_source` is the scheduler's event source.

    A batch that is cut off (a rebalance, a crash) comes again and goes on with the same run. What
    is no request is kept as a dead letter of `group`.
    """

    def __init__(
        self,
        check: CheckDrift,
        ledger: Ledger,
        group: str,
        *,
        schedule_source: str,
        on_checked: OnChecked,
    ) -> None:
        self._check = check
        self._ledger = ledger
        self._group = group
        self._schedule_source = schedule_source
        self._on_checked = on_checked

    async def __call__(self, batch: Batch, decoded: Sequence[Decoded]) -> Verdict:
        """Answer the requests of a batch, in order."""
        letters: list[Settled] = []
        try:
            for record, event in zip(batch.records, decoded, strict=True):
                outcome = await self._answer(event)
                if outcome is not None:
                    await self._keep(record, event, outcome)
                    letters.append(Settled(record, event, outcome))
        except Fault as fault:
            return Faulted(fault.reason, fault.sqlstate)
        return Posted(tuple(letters), redelivered=0, next_offset=batch.end)

    async def _answer(self, event: Decoded) -> RecordOutcome | None:
        """Run the check; return what becomes of a record that asks for none."""
        if isinstance(event, Undecodable):
            return outcome_of(event)
        if not isinstance(event, DriftCheckRequested):
            raise TypeError(f"{type(event).__name__} is no request for a drift check")
        scheduled = event.identity.source == self._schedule_source
        request = DriftRequest(
            trigger="schedule" if scheduled else "request",
            casino_id=event.casino_id,
            identity=event.identity,
            requested_by=event.requested_by,
        )
        try:
            summary = await self._check(request)
        except CasinoUnknownError:
            return _UNKNOWN_CASINO
        self._on_checked(summary)
        return None

    async def _keep(self, record: Record, event: Decoded, outcome: RecordOutcome) -> None:
        where = f"{self._group}:{record.topic}:{record.partition}:{record.offset}"
        async with self._ledger.transaction((), where) as tx:
            await tx.file_dead_letters(self._group, [(record, event, outcome)])
