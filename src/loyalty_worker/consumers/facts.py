"""From a valid event to its facts, exactly as sent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from loyalty_worker.consumers.strict_json import dump
from loyalty_worker.domain.events import (
    DriftCheckRequested,
    EventIdentity,
    PromotionAwarded,
    SlipClosed,
    VisitKind,
)


def slip_closed(event: dict[str, Any]) -> SlipClosed:
    """Read the facts of a `casino.rating-slip.closed.v1` that the schema has accepted."""
    data = event["data"]
    time, gaming_day = event.get("time"), data.get("gaming_day")
    snapshot = data.get("policy_snapshot")
    return SlipClosed(
        identity=EventIdentity(event["source"], event["id"]),
        event_time=None if time is None else _instant(time),
        casino_id=UUID(data["casino_id"]),
        rating_slip_id=UUID(data["rating_slip_id"]),
        visit_id=UUID(data["visit_id"]),
        visit_kind=VisitKind(data["visit_kind"]),
        player_id=_optional_uuid(data.get("player_id")),
        table_id=_optional_uuid(data.get("table_id")),
        game_type=data.get("game_type"),
        average_bet=Decimal(data["average_bet"]),
        started_at=_instant(data["started_at"]),
        closed_at=_instant(data["closed_at"]),
        duration_seconds=int(data["duration_seconds"]),
        gaming_day=None if gaming_day is None else date.fromisoformat(gaming_day),
        policy_snapshot=None if snapshot is None else dump(snapshot),
    )


def promotion_awarded(event: dict[str, Any]) -> PromotionAwarded:
    """Read the award of a `casino.promotion.awarded.v1` that the schema has accepted."""
    data = event["data"]
    time, multiplier, bonus = (
        event.get("time"),
        data.get("promo_multiplier"),
        data.get("bonus_points"),
    )
    return PromotionAwarded(
        identity=EventIdentity(event["source"], event["id"]),
        event_time=None if time is None else _instant(time),
        casino_id=UUID(data["casino_id"]),
        rating_slip_id=UUID(data["rating_slip_id"]),
        campaign_id=data["campaign_id"],
        promo_multiplier=None if multiplier is None else Decimal(multiplier),
        bonus_points=None if bonus is None else int(bonus),
    )


def drift_check_requested(event: dict[str, Any]) -> DriftCheckRequested:
    """Read the request of a `loyalty.drift-check.requested.v1` that the schema has accepted."""
    data = event["data"]
    return DriftCheckRequested(
        identity=EventIdentity(event["source"], event["id"]),
        casino_id=_optional_uuid(data.get("casino_id")),
        requested_by=data.get("requested_by"),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _optional_uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
