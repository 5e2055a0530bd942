"""Closed slips for tests: believable, seeded, in plain dictionaries."""

import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from loyalty_worker.domain.records import Headers

EVENT_TYPE = "casino.rating-slip.closed.v1"
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
_OPENING = datetime(2026, 3, 14, 18, 0, tzinfo=UTC)


def seeded_uuid(rng: random.Random) -> str:
    """Return a random UUID that the seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers = STRUCTURED
    partition: int | None = None


class SlipFactory:
    """Makes slips of one casino; the seed decides everything."""

    def __init__(self, seed: int = 1, players: int = 20) -> None:
        self.rng = random.Random(seed)
        self.casino_id = seeded_uuid(self.rng)
        self.players = [seeded_uuid(self.rng) for _ in range(players)]

    def event(self, **data: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of the event
        """Return a closed slip that earns points; `data` replaces fields, None drops one."""
        rng = self.rng
        started = _OPENING + timedelta(seconds=rng.randrange(20_000))
        seconds = rng.randrange(60, 14_400)
        facts: dict[str, Any] = {
            "casino_id": self.casino_id,
            "rating_slip_id": seeded_uuid(rng),
            "visit_id": seeded_uuid(rng),
            "visit_kind": "gaming_identified_rated",
            "player_id": rng.choice(self.players),
            "table_id": seeded_uuid(rng),
            "game_type": rng.choice(["blackjack", "baccarat", "roulette"]),
            "average_bet": f"{rng.randrange(500, 50_000) / 100:.2f}",
            "started_at": started.isoformat(),
            "closed_at": (started + timedelta(seconds=seconds + rng.randrange(600))).isoformat(),
            "duration_seconds": seconds,
            "policy_snapshot": {
                "loyalty": {
                    "house_edge": rng.choice(["1.5", "2.7", "0.6"]),
                    "decisions_per_hour": rng.choice([40, 70, 90]),
                    "points_conversion_rate": rng.choice(["10", "0.1", "2.5"]),
                    "policy_version": "loyalty_points_v1",
                }
            },
        }
        facts |= data
        return {
            "specversion": "1.0",
            "id": seeded_uuid(rng),
            "source": "/casino/rating",
            "type": EVENT_TYPE,
            "time": facts["closed_at"],
            "datacontenttype": "application/json",
            "data": {name: value for name, value in facts.items() if value is not None},
        }

    def ghost(self) -> dict[str, Any]:
        """Return a slip of a visit that nobody identified; it earns nothing."""
        return self.event(visit_kind="gaming_ghost_unrated", player_id=None, policy_snapshot=None)


def message(event: dict[str, Any], partition: int | None = None) -> Message:
    """Return the structured message of an event, keyed as producers are advised to."""
    data = event["data"]
    key = f"{data['casino_id']}:{data.get('player_id') or data['rating_slip_id']}"
    return Message(key.encode(), json.dumps(event).encode(), STRUCTURED, partition)


def same_slip_other_event(event: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return the same slip as another event: a duplicate by its natural key."""
    return {**event, "id": seeded_uuid(rng)}
