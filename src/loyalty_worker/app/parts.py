"""The parts of a worker; `loyalty run --only` picks some, so that each can be a deployment."""

from collections.abc import Collection
from enum import StrEnum

from loyalty_worker.app.consumer import Consumption
from loyalty_worker.consumers.decoder import PromotionDecoder, SlipDecoder
from loyalty_worker.settings import Settings


class Part(StrEnum):
    """What one process can do; by default it does everything."""

    ACCRUAL = "accrual"
    PROMOTION = "promotion"
    SWEEPER = "sweeper"
    DRIFT = "drift"
    RELAY = "relay"
    SCHEDULER = "scheduler"


def consumptions(settings: Settings) -> dict[Part, Consumption]:
    """Return the parts that consume a topic, with what each consumes."""
    groups = settings.consumer_groups
    return {
        Part.ACCRUAL: Consumption(
            topic=settings.topic_rating_slip_closed,
            contract="rating-slip-closed",
            group=groups[settings.topic_rating_slip_closed],
            decoder=SlipDecoder(),
            on_unknown_error=settings.on_unknown_error_rating_slip_closed,
        ),
        Part.PROMOTION: Consumption(
            topic=settings.topic_promotion,
            contract="promotion",
            group=groups[settings.topic_promotion],
            decoder=PromotionDecoder(),
            on_unknown_error=settings.on_unknown_error_promotion,
        ),
    }


def letter_topics(settings: Settings) -> list[str]:
    """Return the topics that the copies of dead letters go to."""
    inputs = (
        settings.topic_rating_slip_closed,
        settings.topic_promotion,
        settings.topic_drift_check_requested,
    )
    return [f"{topic}.dlq" for topic in inputs]


def needed_topics(settings: Settings, parts: Collection[Part]) -> list[str]:
    """Return the topics that these parts read or write; they must be there at the start."""
    topics = {one.topic for part, one in consumptions(settings).items() if part in parts}
    if Part.DRIFT in parts or Part.SCHEDULER in parts:
        topics.add(settings.topic_drift_check_requested)
    if Part.RELAY in parts:
        topics |= {
            *letter_topics(settings),
            settings.topic_drift_check_requested,
            settings.topic_drift_alerts,
        }
    return sorted(topics)
