import json
from pathlib import Path
from typing import Any

import pytest

from events import binary, structured
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.domain.events import DecodeReason, EventIdentity, SlipClosed, Undecodable
from loyalty_worker.resources import resource_folder

EXAMPLES = resource_folder("schemas") / "rating-slip-closed" / "examples"
REASONS = {
    "undecodable": DecodeReason.EVENT_UNDECODABLE,
    "id-missing": DecodeReason.EVENT_ID_MISSING,
    "type-unknown": DecodeReason.EVENT_TYPE_UNKNOWN,
    "schema": DecodeReason.EVENT_SCHEMA_INVALID,
}
# Where each example breaks the schema and which rule says so, as the dead letter's detail.
POLICY = "/data/policy_snapshot/loyalty"
VIOLATIONS = {
    "average-bet-absent": "/data/average_bet required",
    "average-bet-five-decimals": "/data/average_bet multipleOf",
    "average-bet-negative": "/data/average_bet minimum",
    "average-bet-null": "/data/average_bet type",
    "average-bet-string-in-exponent-form": "/data/average_bet pattern",
    "average-bet-string-nan": "/data/average_bet pattern",
    "average-bet-too-large": "/data/average_bet maximum",
    "casino-id-absent": "/data/casino_id required",
    "casino-id-without-hyphens": "/data/casino_id pattern",
    "closed-at-absent": "/data/closed_at required",
    "closed-at-after-2100": "/data/closed_at pattern",
    "closed-at-after-2100-in-utc": "/data/closed_at not",
    "closed-at-before-1970": "/data/closed_at pattern",
    "closed-at-before-1970-in-utc": "/data/closed_at not",
    "closed-at-on-30-february": "/data/closed_at format",
    "closed-at-with-nanoseconds": "/data/closed_at pattern",
    "data-absent": "/data required",
    "data-is-array": "/data type",
    "decisions-per-hour-is-boolean": f"{POLICY}/decisions_per_hour type",
    "duplicate-key": "an object has the same key twice",
    "duration-seconds-absent": "/data/duration_seconds required",
    "duration-seconds-beyond-31-days": "/data/duration_seconds maximum",
    "duration-seconds-fraction": "/data/duration_seconds type",
    "duration-seconds-negative": "/data/duration_seconds minimum",
    "duration-seconds-string": "/data/duration_seconds type",
    "event-is-array": "the event is no JSON object",
    "game-type-empty": "/data/game_type minLength",
    "game-type-too-long": "/data/game_type maxLength",
    "gaming-day-is-time": "/data/gaming_day format",
    "house-edge-above-100": f"{POLICY}/house_edge pattern",
    "house-edge-negative": f"{POLICY}/house_edge minimum",
    "id-has-control-character": "/id pattern",
    "id-is-number": "/id type",
    "lone-surrogate-in-unknown-member": "a string holds U+0000 or a lone surrogate",
    "loyalty-is-string": f"{POLICY} type",
    "number-too-large": "a number lies beyond 10^±400",
    "number-too-long": "a number is longer than 100 characters",
    "player-id-is-number": "/data/player_id type",
    "points-conversion-rate-seven-decimals": f"{POLICY}/points_conversion_rate multipleOf",
    "policy-snapshot-is-array": "/data/policy_snapshot type",
    "policy-version-has-control-character": f"{POLICY}/policy_version pattern",
    "rating-slip-id-absent": "/data/rating_slip_id required",
    "source-too-long": "/source maxLength",
    "specversion-is-0-3": "/specversion const",
    "started-at-absent": "/data/started_at required",
    "started-at-is-number": "/data/started_at type",
    "time-without-offset": "/time format",
    "u0000-in-unknown-member": "a string holds U+0000 or a lone surrogate",
    "visit-id-absent": "/data/visit_id required",
    "visit-kind-absent": "/data/visit_kind required",
    "visit-kind-unknown": "/data/visit_kind enum",
}


def examples(pattern: str) -> list[Any]:
    found = sorted(EXAMPLES.glob(pattern))
    assert found, f"no example matches {pattern}"
    return [pytest.param(path, id=path.stem) for path in found]


@pytest.fixture(scope="module")
def decoder() -> SlipDecoder:
    return SlipDecoder()


@pytest.mark.parametrize("path", examples("ok-*.json"))
def test_a_good_example_decodes_to_the_slip_and_event_it_names(
    path: Path, decoder: SlipDecoder
) -> None:
    event = json.loads(path.read_bytes())
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, SlipClosed)
    assert decoded.identity == EventIdentity(event["source"], event["id"])
    assert str(decoded.rating_slip_id) == event["data"]["rating_slip_id"]


@pytest.mark.parametrize("path", examples("ok-*.json"))
def test_a_good_example_means_the_same_in_binary_mode(path: Path, decoder: SlipDecoder) -> None:
    assert decoder(binary(path.read_bytes())) == decoder(structured(path.read_bytes()))


@pytest.mark.parametrize("path", examples("bad-*.json"))
def test_a_bad_example_is_refused_for_the_reason_in_its_name(
    path: Path, decoder: SlipDecoder
) -> None:
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, Undecodable)
    kind = next(kind for kind in REASONS if path.stem.startswith(f"bad-{kind}-"))
    assert decoded.reason is REASONS[kind]


@pytest.mark.parametrize("path", examples("bad-schema-*.json"))
def test_a_schema_violation_names_place_and_rule(path: Path, decoder: SlipDecoder) -> None:
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, Undecodable)
    said = decoded.detail.replace("breaks the schema's rule ", "")
    assert said == VIOLATIONS[path.stem.removeprefix("bad-schema-")]


@pytest.mark.parametrize("path", examples("bad-*.json"))
def test_the_detail_of_a_refusal_quotes_nothing_of_the_event(
    path: Path, decoder: SlipDecoder
) -> None:
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, Undecodable)
    player = "e2b8f7f0-6f5c-4a3d-b1a9-0c4d5e6f7a81"
    assert player not in decoded.detail
    assert "4711" not in decoded.detail


def test_every_expected_violation_has_its_example() -> None:
    stems = {path.stem.removeprefix("bad-schema-") for path in EXAMPLES.glob("bad-schema-*.json")}
    assert stems == set(VIOLATIONS)


def test_every_member_of_the_schema_is_read_into_the_facts_or_left_out_on_purpose() -> None:
    schema = json.loads((EXAMPLES.parent / "v1.schema.json").read_bytes())
    members = set(schema["$defs"]["rating_slip"]["properties"])
    assert members - set(SlipClosed.__slots__) == {"closed_by_staff_id"}
