"""From an event to a Kafka message, in either mode of CloudEvents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from random import Random
from typing import Final

from loyalty_worker.consumers.strict_json import Json, dump
from loyalty_worker.demo.slips import Slip
from loyalty_worker.demo.tally import Expected
from loyalty_worker.domain.records import Headers

EVENT_TYPE: Final = "casino.rating-slip.closed.v1"


class Topic(Enum):
    """Which topic a message belongs to; what it is called is configuration."""

    RATING_SLIP_CLOSED = auto()
    PROMOTION = auto()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a producer takes it, and what must become of it."""

    key: bytes
    value: bytes | None
    headers: Headers
    expected: Expected
    topic: Topic = Topic.RATING_SLIP_CLOSED


def attributes_of(slip: Slip, event_number: int = 1) -> dict[str, Json]:
    """Return the CloudEvents attributes; another number is another event about the same slip."""
    return {
        "specversion": "1.0",
        "id": f"{slip.slip_id}/closed/{event_number}",
        "source": slip.casino.source,
        "type": EVENT_TYPE,
        "time": (slip.closed_at + timedelta(seconds=2)).isoformat(),
    }


def data_of(slip: Slip, *, amounts_as_text: bool = False) -> dict[str, Json]:
    """Return the event's data; the amount may be written as text, which means the same."""
    policy = slip.policy
    data: dict[str, Json] = {
        "casino_id": str(slip.casino.casino_id),
        "rating_slip_id": str(slip.slip_id),
        "visit_id": str(slip.visit_id),
        "visit_kind": slip.visit_kind.value,
        "table_id": str(slip.table.table_id),
        "game_type": slip.table.game.name,
        "average_bet": f"{slip.average_bet:.2f}" if amounts_as_text else slip.average_bet,
        "started_at": slip.started_at.isoformat(),
        "closed_at": slip.closed_at.isoformat(),
        "duration_seconds": slip.duration_seconds,
        "closed_by_staff_id": str(slip.closed_by),
        "policy_snapshot": {
            "loyalty": {
                "house_edge": policy.house_edge,
                "decisions_per_hour": policy.decisions_per_hour,
                "points_conversion_rate": policy.points_conversion_rate,
                "policy_version": "loyalty_points_v1",
            }
        },
    }
    if slip.player_id is not None:
        data["player_id"] = str(slip.player_id)
    return data


def write(
    rng: Random,
    slip: Slip,
    attributes: Mapping[str, Json],
    data: Mapping[str, Json],
    expected: Expected,
) -> Message:
    """Write the event in one mode or the other."""
    if rng.random() < 1 / 2:
        return structured(slip, {**attributes, "data": dict(data)}, expected)
    headers = (
        *((f"ce_{name}", str(value).encode()) for name, value in attributes.items()),
        ("content-type", b"application/json"),
    )
    return Message(key_of(slip), dump(dict(data)).encode(), headers, expected)


def structured(slip: Slip, event: dict[str, Json] | str, expected: Expected) -> Message:
    """Write the event in structured mode; text is taken as it is."""
    text = event if isinstance(event, str) else dump(event)
    headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    return Message(key_of(slip), text.encode(), headers, expected)


def key_of(slip: Slip) -> bytes:
    """Return the contract's key: all slips of a player at a casino stay in order."""
    return f"{slip.casino.casino_id}:{slip.player_id or slip.slip_id}".encode()
