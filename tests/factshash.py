"""The facts hash worked out independently of the SQL, and the vectors that freeze it.

`python tests/factshash.py` writes the vectors anew; a change of any hash is a break of contract.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "schemas" / "facts-hash-vectors.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SNAPSHOT = (
    '{"loyalty": {"house_edge": 1.5, "decisions_per_hour": 70, "points_conversion_rate": 10,'
    ' "policy_version": "loyalty_points_v1"}}'
)
_FACTS: dict[str, Any] = {
    "casino_id": "11111111-1111-4111-8111-111111111111",
    "rating_slip_id": "22222222-2222-4222-8222-222222222222",
    "visit_id": "33333333-3333-4333-8333-333333333333",
    "player_id": "44444444-4444-4444-8444-444444444444",
    "visit_kind": "gaming_identified_rated",
    "average_bet": "100",
    "duration_seconds": 7200,
    "closed_at": "2026-03-14T22:30:00+00:00",
    "policy_snapshot": _SNAPSHOT,
}
_CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("the anchor slip", {}),
    ("same: two zeros more", {"average_bet": "100.00"}),
    ("same: with an exponent", {"average_bet": "1e2"}),
    ("same: another zone", {"closed_at": "2026-03-14T23:30:00+01:00"}),
    (
        "same: policy numbers in other digits and as texts",
        {"policy_snapshot": _SNAPSHOT.replace("1.5", '"1.50"').replace("70", "7e1")},
    ),
    (
        "same: what is no fact is not hashed",
        {"policy_snapshot": _SNAPSHOT.replace('{"loyalty"', '{"comps": {"cap": 3}, "loyalty"')},
    ),
    ("a microsecond later", {"closed_at": "2026-03-14T22:30:00.000001+00:00"}),
    ("before 1970 by zone", {"closed_at": "1970-01-01T00:30:00+01:00"}),
    ("another bet", {"average_bet": "100.0001"}),
    ("the largest bet", {"average_bet": "999999999.9999"}),
    ("a bet of nothing", {"average_bet": "0.00"}),
    ("no play", {"duration_seconds": 0}),
    ("another casino", {"casino_id": "11111111-1111-4111-8111-111111111112"}),
    ("another slip", {"rating_slip_id": "22222222-2222-4222-8222-222222222223"}),
    ("another visit", {"visit_id": "33333333-3333-4333-8333-333333333334"}),
    ("another player", {"player_id": "44444444-4444-4444-8444-444444444445"}),
    ("another kind of visit", {"visit_kind": "reward_identified"}),
    ("a ghost", {"visit_kind": "gaming_ghost_unrated", "player_id": None, "policy_snapshot": None}),
    (
        "same as the ghost: a null for each absent",
        {
            "visit_kind": "gaming_ghost_unrated",
            "player_id": None,
            "policy_snapshot": _SNAPSHOT.replace("1.5", "null")
            .replace("70", "null")
            .replace("10", "null")
            .replace('"loyalty_points_v1"', "null"),
        },
    ),
    ("another edge", {"policy_snapshot": _SNAPSHOT.replace("1.5", "1.500001")}),
    ("another rate", {"policy_snapshot": _SNAPSHOT.replace("10", "0.1")}),
    ("other decisions", {"policy_snapshot": _SNAPSHOT.replace("70", "70.5")}),
    (
        "another version, in another script",
        {"policy_snapshot": _SNAPSHOT.replace("_v1", '_größer\\"/')},
    ),
    ("an edge that is no number", {"policy_snapshot": _SNAPSHOT.replace("1.5", '"much"')}),
]


def facts_hash(facts: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(_canonical_text(facts).encode()).hexdigest()


def _canonical_text(facts: dict[str, Any]) -> str:
    snapshot = json.loads(facts["policy_snapshot"] or "{}", parse_float=Decimal)
    policy = snapshot.get("loyalty") or {}
    since_epoch = datetime.fromisoformat(facts["closed_at"]) - _EPOCH
    lines = ["loyalty-facts-v1"]
    lines += [
        f"{name}={'-' if facts[name] is None else facts[name]}"
        for name in ("casino_id", "rating_slip_id", "visit_id", "player_id", "visit_kind")
    ]
    lines += [
        f"average_bet={_shortest(Decimal(facts['average_bet']))}",
        f"duration_seconds={facts['duration_seconds']}",
        f"closed_at={since_epoch // timedelta(microseconds=1)}",
    ]
    lines += [
        f"{name}={_policy_number(policy.get(name))}"
        for name in ("house_edge", "decisions_per_hour", "points_conversion_rate")
    ]
    version = policy.get("policy_version")
    lines.append(f"policy_version={'-' if version is None else _json(version)}")
    return "\n".join(lines)


def _policy_number(value: object) -> str:
    if value is None:
        return "-"
    text = str(value)
    return _shortest(Decimal(text)) if text[:1].isdigit() else _json(value)


def _shortest(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def vectors() -> dict[str, Any]:
    """Return the vectors as the file holds them."""
    facts = [(why, _FACTS | changes) for why, changes in _CHANGES]
    return {
        "about": "SHA-256 of the canonical text of a slip's facts, version 1; frozen for ever."
        " policy_snapshot is JSON text, so that the spelling of its numbers is kept",
        "vectors": [{"why": why, **fact, "sha256": facts_hash(fact)} for why, fact in facts],
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n")
