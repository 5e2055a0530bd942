"""Closed slips as the parallel arrays that `post_closed_slips` takes."""

from collections.abc import Sequence

from loyalty_worker.domain.events import SlipClosed
from loyalty_worker.domain.idempotency import idempotency_key
from loyalty_worker.domain.records import Record


def slip_columns(
    topic: str, partition: int, slips: Sequence[tuple[Record, SlipClosed]]
) -> tuple[object, ...]:
    """Return the arguments of `post_closed_slips`, in its order; one array element per slip."""
    events = [event for _, event in slips]
    return (
        [event.identity.source for event in events],
        [event.identity.id for event in events],
        topic,
        partition,
        [record.offset for record, _ in slips],
        [idempotency_key("base_accrual", event.identity) for event in events],
        [event.casino_id for event in events],
        [event.rating_slip_id for event in events],
        [event.visit_id for event in events],
        [event.visit_kind.value for event in events],
        [event.player_id for event in events],
        [event.table_id for event in events],
        [event.game_type for event in events],
        [event.average_bet for event in events],
        [event.started_at for event in events],
        [event.closed_at for event in events],
        [event.duration_seconds for event in events],
        [event.gaming_day for event in events],
        [event.policy_snapshot for event in events],
    )
