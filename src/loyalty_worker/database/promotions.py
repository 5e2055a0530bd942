"""Promotions as the parallel arrays that `post_promotions` takes."""

from collections.abc import Sequence

from loyalty_worker.domain.events import PromotionAwarded
from loyalty_worker.domain.idempotency import idempotency_key
from loyalty_worker.domain.records import Record


def promotion_columns(
    topic: str, partition: int, promotions: Sequence[tuple[Record, PromotionAwarded]]
) -> tuple[object, ...]:
    """Return the arguments of `post_promotions`, in its order; one array element per event."""
    events = [event for _, event in promotions]
    return (
        [event.identity.source for event in events],
        [event.identity.id for event in events],
        topic,
        partition,
        [record.offset for record, _ in promotions],
        [idempotency_key("promotion", event.identity) for event in events],
        [event.casino_id for event in events],
        [event.rating_slip_id for event in events],
        [event.campaign_id for event in events],
        [event.promo_multiplier for event in events],
        [event.bonus_points for event in events],
        [event.event_time for event in events],
    )
