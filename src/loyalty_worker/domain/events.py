"""What a record says once it is decoded: an event, or the reason why it is none."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID


class VisitKind(StrEnum):
    """Kinds of visit; only an identified and rated one earns points."""

    GAMING_IDENTIFIED_RATED = "gaming_identified_rated"
    GAMING_GHOST_UNRATED = "gaming_ghost_unrated"
    REWARD_IDENTIFIED = "reward_identified"


class DecodeReason(StrEnum):
    """Why a record's bytes are no event; the reason of its dead letter."""

    EVENT_UNDECODABLE = "EVENT_UNDECODABLE"
    EVENT_ID_MISSING = "EVENT_ID_MISSING"
    EVENT_TYPE_UNKNOWN = "EVENT_TYPE_UNKNOWN"
    EVENT_SCHEMA_INVALID = "EVENT_SCHEMA_INVALID"


@dataclass(frozen=True, slots=True)
class EventIdentity:
    """CloudEvents `source` and `id`, byte for byte as sent; never empty, never invented."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class SlipClosed:
    """`casino.rating-slip.closed.v1`: the facts of a closed rating slip.

    `average_bet` is money, exact. `duration_seconds` is rated play. `policy_snapshot` is the JSON
    text of the whole snapshot with its numbers as they were written, or None where the event has
    none. `event_time` is the CloudEvents `time`, where given. Times are aware, in UTC.
    """

    identity: EventIdentity
    event_time: datetime | None
    casino_id: UUID
    rating_slip_id: UUID
    visit_id: UUID
    visit_kind: VisitKind
    player_id: UUID | None
    table_id: UUID | None
    game_type: str | None
    average_bet: Decimal
    started_at: datetime
    closed_at: datetime
    duration_seconds: int
    gaming_day: date | None
    policy_snapshot: str | None


@dataclass(frozen=True, slots=True)
class PromotionAwarded:
    """`casino.promotion.awarded.v1`: a campaign's award for a slip.

    Exactly one of `promo_multiplier` and `bonus_points` is to be given; the database refuses
    anything else. `event_time` is the CloudEvents `time`, where given; aware, in UTC.
    """

    identity: EventIdentity
    event_time: datetime | None
    casino_id: UUID
    rating_slip_id: UUID
    campaign_id: str
    promo_multiplier: Decimal | None
    bonus_points: int | None


@dataclass(frozen=True, slots=True)
class DriftCheckRequested:
    """`loyalty.drift-check.requested.v1`: check the balances of a casino, of all where None."""

    identity: EventIdentity
    casino_id: UUID | None
    requested_by: str | None


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is no valid event. `detail` names the place, never the value (privacy).

    `identity` and `casino_id` are what could still be read, to help the person who looks at the
    dead letter.
    """

    reason: DecodeReason
    detail: str
    identity: EventIdentity | None = None
    casino_id: UUID | None = None


Event: TypeAlias = SlipClosed | PromotionAwarded
Decoded: TypeAlias = Event | DriftCheckRequested | Undecodable
