"""Events that wait, as the parallel arrays that `park_events` takes."""

from collections.abc import Sequence

from loyalty_worker.database.record_columns import record_columns
from loyalty_worker.domain.events import Event, PromotionAwarded, SlipClosed
from loyalty_worker.domain.idempotency import idempotency_key
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.domain.records import Record

SLIP_KIND = "rating_slip_closed"
PROMOTION_KIND = "promotion"


def parked_columns(
    events: Sequence[tuple[Record, Event, RecordOutcome]],
) -> tuple[object, ...]:
    """Return the array arguments of `park_events`, in its order; one element per event."""
    parsed = [event for _, event, _ in events]
    promotions = [event if isinstance(event, PromotionAwarded) else None for event in parsed]
    return (
        [SLIP_KIND if isinstance(event, SlipClosed) else PROMOTION_KIND for event in parsed],
        [outcome.reason for _, _, outcome in events],
        *record_columns([record for record, _, _ in events]),
        [event.identity.source for event in parsed],
        [event.identity.id for event in parsed],
        [event.casino_id for event in parsed],
        [event.rating_slip_id for event in parsed],
        [event.campaign_id if event else None for event in promotions],
        [event.promo_multiplier if event else None for event in promotions],
        [event.bonus_points if event else None for event in promotions],
        [
            idempotency_key(
                "base_accrual" if isinstance(event, SlipClosed) else "promotion", event.identity
            )
            for event in parsed
        ],
        [event.event_time for event in parsed],
    )
