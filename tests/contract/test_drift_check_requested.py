import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from events import binary, structured
from loyalty_worker.consumers.decoder import DriftRequestDecoder
from loyalty_worker.domain.events import (
    DecodeReason,
    DriftCheckRequested,
    EventIdentity,
    Undecodable,
)
from loyalty_worker.publishing.drift_request import SCHEDULE_SOURCE, drift_request
from loyalty_worker.resources import resource_folder

EXAMPLES = resource_folder("schemas") / "drift-check-requested" / "examples"
REASONS = {
    "undecodable": DecodeReason.EVENT_UNDECODABLE,
    "id-missing": DecodeReason.EVENT_ID_MISSING,
    "type-unknown": DecodeReason.EVENT_TYPE_UNKNOWN,
    "schema": DecodeReason.EVENT_SCHEMA_INVALID,
}
VIOLATIONS = {
    "casino-id-is-all": "/data/casino_id pattern",
    "casino-id-is-array": "/data/casino_id type",
    "casino-id-is-number": "/data/casino_id type",
    "casino-id-without-hyphens": "/data/casino_id pattern",
    "data-absent": "/data required",
    "data-is-array": "/data type",
    "data-null": "/data type",
    "duplicate-key": "an object has the same key twice",
    "id-has-control-character": "/id pattern",
    "id-too-long": "/id maxLength",
    "requested-by-empty": "/data/requested_by minLength",
    "requested-by-has-control-character": "/data/requested_by pattern",
    "requested-by-is-number": "/data/requested_by type",
    "requested-by-too-long": "/data/requested_by maxLength",
    "source-too-long": "/source maxLength",
    "specversion-is-0-3": "/specversion const",
    "time-before-1970-in-utc": "/time not",
    "time-without-offset": "/time format",
}


def examples(pattern: str) -> list[Path]:
    return sorted(EXAMPLES.glob(pattern))


@pytest.fixture(scope="module")
def decoder() -> DriftRequestDecoder:
    return DriftRequestDecoder()


@pytest.mark.parametrize("path", examples("ok-*.json"), ids=lambda path: path.stem)
def test_a_good_example_is_the_same_request_in_both_modes(
    path: Path, decoder: DriftRequestDecoder
) -> None:
    event = json.loads(path.read_bytes())
    casino_id = event["data"].get("casino_id")
    request = DriftCheckRequested(
        EventIdentity(event["source"], event["id"]),
        casino_id and UUID(casino_id),
        event["data"].get("requested_by"),
    )
    assert decoder(structured(path.read_bytes())) == request
    assert decoder(binary(path.read_bytes())) == request


@pytest.mark.parametrize("path", examples("bad-*.json"), ids=lambda path: path.stem)
def test_a_bad_example_is_refused_for_the_reason_in_its_name(
    path: Path, decoder: DriftRequestDecoder
) -> None:
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, Undecodable)
    name = path.stem.removeprefix("bad-")
    (kind,) = [kind for kind in REASONS if name.startswith(kind)]
    assert decoded.reason is REASONS[kind]
    if kind == "schema":
        said = decoded.detail.replace("breaks the schema's rule ", "")
        assert said == VIOLATIONS[name.removeprefix("schema-")]


def test_every_expected_violation_has_its_example() -> None:
    stems = {path.stem.removeprefix("bad-schema-") for path in examples("bad-schema-*.json")}
    assert stems == set(VIOLATIONS)


def test_every_member_of_the_schema_is_read() -> None:
    schema = json.loads((EXAMPLES.parent / "v1.schema.json").read_bytes())
    members = set(schema["$defs"]["drift_check_request"]["properties"])
    assert members == set(DriftCheckRequested.__slots__) - {"identity"}


def test_an_empty_object_asks_for_every_casino(decoder: DriftRequestDecoder) -> None:
    path = EXAMPLES / "ok-empty-object.json"
    decoded = decoder(structured(path.read_bytes()))
    assert json.loads(path.read_bytes())["data"] == {}
    assert isinstance(decoded, DriftCheckRequested)
    assert decoded.casino_id is None


def test_the_scheduler_writes_its_example() -> None:
    due = datetime(2026, 3, 15, 3, tzinfo=UTC)
    identity = EventIdentity(SCHEDULE_SOURCE, f"drift-check:{due.isoformat()}")
    written = drift_request(identity, due, None, "scheduler")
    example = json.loads((EXAMPLES / "ok-tick-of-the-schedule.json").read_bytes())
    assert json.loads(written) == example
