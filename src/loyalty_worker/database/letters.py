"""Dead letters as the parallel arrays that `file_dead_letters` takes."""

from collections.abc import Sequence

from loyalty_worker.database.record_columns import record_columns
from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.domain.records import Record


def letter_columns(
    letters: Sequence[tuple[Record, Decoded, RecordOutcome]],
) -> tuple[object, ...]:
    """Return the array arguments of `file_dead_letters`, in its order; one element per letter."""
    records = [record for record, _, _ in letters]
    outcomes = [outcome for _, _, outcome in letters]
    identities = [event.identity for _, event, _ in letters]
    return (
        *record_columns(records),
        [outcome.reason for outcome in outcomes],
        [outcome.detail for outcome in outcomes],
        [outcome.sqlstate for outcome in outcomes],
        [identity.source if identity else None for identity in identities],
        [identity.id if identity else None for identity in identities],
        [event.casino_id for _, event, _ in letters],
    )
