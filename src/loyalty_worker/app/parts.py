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


def published_topics(settings: Settings) -> list[str]:
    """Return the topics of events that the worker itself makes and the relay publishes."""
    return [settings.topic_drift_alerts, settings.topic_drift_check_requested]


def contracts(settings: Settings) -> dict[str, str]:
    """Return each topic's folder under `schemas/`."""
    return {one.topic: one.contract for one in consumptions(settings).values()} | {
        settings.topic_drift_check_requested: "drift-check-requested",
        settings.topic_drift_alerts: "loyalty-drift-alerts",
    }


def needed_topics(settings: Settings, parts: Collection[Part]) -> list[str]:
    """Return the topics that these parts read or write; they must be there at the start."""
    topics = {one.topic for part, one in consumptions(settings).items() if part in parts}
    if Part.DRIFT in parts or Part.SCHEDULER in parts:
        topics.add(settings.topic_drift_check_requested)
    if Part.RELAY in parts:
        topics |= {*letter_topics(settings), *published_topics(settings)}
    return sorted(topics)
