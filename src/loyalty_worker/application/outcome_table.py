"""The one table of what a record becomes.

Its rows come from the decoder's reasons and from the posting function's verdicts. A refusal that
has no row here is no outcome of a record but a fault of the worker: it is tried again, and
nothing is decided meanwhile.
"""

from loyalty_worker.domain.events import Undecodable
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.domain.refusals import PARKED_FOR, Refusal
from loyalty_worker.ports import Fault, Posting

_VERDICTS = {
    "accrued": Outcome.ACCRUED,
    "duplicate": Outcome.DUPLICATE,
    "skipped": Outcome.SKIPPED,
}


def outcome_of(result: Posting | Undecodable) -> RecordOutcome:
    """Return the outcome of a record that was judged by the database, or that is no event.

    Raises `Fault` for a refusal that can only come from the worker's own context.
    """
    if isinstance(result, Undecodable):
        return RecordOutcome(
            Outcome.DEAD_LETTERED, reason=result.reason.value, detail=result.detail
        )
    if result.refusal is None:
        return RecordOutcome(
            _VERDICTS[result.verdict], duplicate_by=result.duplicate_by, points=result.points
        )
    refusal = Refusal[result.refusal]
    if refusal.event_outcome is Outcome.DEAD_LETTERED:
        return RecordOutcome(
            Outcome.DEAD_LETTERED,
            reason=refusal.name,
            sqlstate=refusal.sqlstate,
            detail=result.detail,
        )
    if refusal in PARKED_FOR:
        return RecordOutcome(Outcome.PARKED, reason=PARKED_FOR[refusal].value)
    raise Fault("refused", refusal.sqlstate)
