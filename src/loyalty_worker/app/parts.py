"""The parts of a worker; `loyalty run --only` picks some, so that each can be a deployment."""

from enum import StrEnum

from loyalty_worker.app.consumer import Consumption
from loyalty_worker.consumers.decoder import PromotionDecoder, SlipDecoder
from loyalty_worker.settings import Settings


class Part(StrEnum):
    """What one process can do; by default it does everything."""

    ACCRUAL = "accrual"
    PROMOTION = "promotion"
    SWEEPER = "sweeper"
    RELAY = "relay"


def consumptions(settings: Settings) -> dict[Part, Consumption]:
    """Return the parts that consume a topic, with what each consumes."""
    return {
        Part.ACCRUAL: Consumption(
            topic=settings.topic_rating_slip_closed,
            contract="rating-slip-closed",
            group=accrual_group(settings),
            decoder=SlipDecoder(),
            on_unknown_error=settings.on_unknown_error_rating_slip_closed,
        ),
        Part.PROMOTION: Consumption(
            topic=settings.topic_promotion,
            contract="promotion",
            group=promotion_group(settings),
            decoder=PromotionDecoder(),
            on_unknown_error=settings.on_unknown_error_promotion,
        ),
    }


def accrual_group(settings: Settings) -> str:
    """Return the consumer group of `rating-slip-closed`."""
    return f"{settings.kafka_group_prefix}-accrual"


def promotion_group(settings: Settings) -> str:
    """Return the consumer group of `promotion`."""
    return f"{settings.kafka_group_prefix}-promotion"


def letter_topics(settings: Settings) -> list[str]:
    """Return the topics that the copies of dead letters go to."""
    return [
        f"{topic}.dlq" for topic in (settings.topic_rating_slip_closed, settings.topic_promotion)
    ]
