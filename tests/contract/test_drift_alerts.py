import copy
import json
import re
import subprocess
import sys
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from loyalty_worker.resources import resource_folder

TOPIC = resource_folder("schemas") / "loyalty-drift-alerts"
DETECTED = "loyalty.balance-drift.detected.v1"
COMPLETED = "loyalty.drift-check.completed.v1"
FARTHEST = 9 * 10**18
VIOLATIONS = {
    "completed-casino-id-is-all": "/data/casino_id pattern",
    "completed-casino-without-count": "/data/casinos/0 required",
    "completed-casinos-absent": "/data required",
    "completed-casinos-is-object": "/data/casinos type",
    "completed-clean-with-critical-finding": "/data/severities/critical const",
    "completed-clean-with-drifted-player": "/data/players_drifted const",
    "completed-clean-with-finding": "/data/severities/info const",
    "completed-clean-with-points": "/data/largest_drift const",
    "completed-clean-with-warning": "/data/severities/warning const",
    "completed-drift-without-player": "/data/players_drifted minimum",
    "completed-entries-checked-beyond-the-bounds": "/data/entries_checked maximum",
    "completed-id-of-an-alert": "/id pattern",
    "completed-largest-drift-beyond-the-bounds": "/data/largest_drift maximum",
    "completed-largest-drift-negative": "/data/largest_drift minimum",
    "completed-largest-drift-null": "/data/largest_drift type",
    "completed-players-checked-negative": "/data/players_checked minimum",
    "completed-severity-absent": "/data/severities required",
    "completed-severity-negative": "/data/severities/warning minimum",
    "completed-trigger-unknown": "/data/trigger enum",
    "completed-verdict-abandoned": "/data/verdict enum",
    "completed-verdict-null": "/data/verdict enum",
    "computed-balance-null": "/data/computed_balance type",
    "computed-balance-without-entries": "/data/computed_balance const",
    "current-balance-as-string": "/data/current_balance type",
    "current-balance-below-bigint": "/data/current_balance minimum",
    "current-balance-beyond-bigint": "/data/current_balance maximum",
    "current-balance-fraction": "/data/current_balance type",
    "current-balance-null-of-kind-balance": "/data/current_balance type",
    "current-balance-null-of-kind-cache-without-entries": "/data/current_balance type",
    "current-balance-null-of-kind-entry-count": "/data/current_balance type",
    "current-balance-where-the-cache-is-missing": "/data/current_balance type",
    "data-is-string": "/data type",
    "datacontenttype-absent": " required",
    "detected-at-with-offset": "/data/detected_at pattern",
    "drift-below-the-bounds": "/data/drift minimum",
    "drift-beyond-the-bounds": "/data/drift maximum",
    "drift-percentage-as-string": "/data/drift_percentage type",
    "drift-percentage-below-the-bounds": "/data/drift_percentage minimum",
    "drift-percentage-beyond-the-bounds": "/data/drift_percentage maximum",
    "drift-percentage-null": "/data/drift_percentage type",
    "drift-percentage-of-nothing": "/data/drift_percentage type",
    "id-absent": " required",
    "id-of-another-kind-of-event": "/id pattern",
    "id-random": "/id pattern",
    "id-with-an-unknown-kind": "/id pattern",
    "kind-unknown": "/data/kind enum",
    "last-ledger-update-null-of-kind-balance": "/data/last_ledger_update type",
    "last-ledger-update-without-entries": "/data/last_ledger_update type",
    "ledger-entry-count-0-of-kind-balance": "/data/ledger_entry_count minimum",
    "ledger-entry-count-1-without-entries": "/data/ledger_entry_count const",
    "ledger-entry-count-negative": "/data/ledger_entry_count minimum",
    "player-id-in-upper-case": "/data/player_id pattern",
    "run-id-absent": "/data required",
    "severity-too-low-beyond-100": "/data/drift maximum",
    "severity-too-low-beyond-1000": "/data/drift maximum",
    "severity-too-low-beyond-minus-100": "/data/drift minimum",
    "severity-too-low-beyond-minus-1000": "/data/drift minimum",
    "severity-too-low-for-a-broken-chain": "/data/severity const",
    "severity-too-low-for-missing-entries": "/data/severity const",
    "severity-unknown": "/data/severity enum",
    "source-empty": "/source minLength",
    "source-too-long": "/source maxLength",
    "specversion-is-0-3": "/specversion const",
    "time-absent": " required",
    "time-on-30-february": "/time format",
    "time-with-offset": "/time pattern",
    "type-unknown": "/type enum",
}


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes(), parse_float=Decimal)
    return document


SCHEMA = read(TOPIC / "v1.schema.json")
VALIDATOR = Draft202012Validator(SCHEMA, validate_formats=True)


def examples(pattern: str, of_type: str | None = None) -> list[Any]:
    paths = sorted((TOPIC / "examples").glob(pattern))
    chosen = [path for path in paths if of_type in (None, read(path).get("type"))]
    assert chosen, f"no example matches {pattern}"
    return [pytest.param(path, id=path.stem) for path in chosen]


def violations(event: object) -> set[str]:
    """Name what an event breaks; inside `oneOf`, by the branch of the event's own type."""
    return set(chain.from_iterable(map(told, VALIDATOR.iter_errors(event))))


def told(error: ValidationError) -> set[str]:
    if not isinstance(error.kind, ValidationErrorKind.OneOfNotValid):
        return {violation(error)}
    branches = [set(map(violation, branch)) for branch in error.kind.context]
    return set().union(*(branch for branch in branches if "/type const" not in branch))


def violation(error: ValidationError) -> str:
    return "".join(f"/{part}" for part in error.instance_path) + f" {error.kind.name}"


@pytest.mark.parametrize("path", examples("ok-*.json"))
def test_a_good_example_is_valid_with_formats_asserted(path: Path) -> None:
    assert violations(read(path)) == set()


@pytest.mark.parametrize("path", examples("bad-*.json"))
def test_a_bad_example_breaks_the_one_rule_that_its_name_says(path: Path) -> None:
    assert violations(read(path)) == {VIOLATIONS[path.stem.removeprefix("bad-")]}


def test_every_expected_violation_has_its_example() -> None:
    stems = {path.stem.removeprefix("bad-") for path in TOPIC.glob("examples/bad-*.json")}
    assert stems == set(VIOLATIONS)


def test_a_foreign_validator_refuses_every_bad_example() -> None:
    paths = sorted(str(path) for path in TOPIC.glob("examples/bad-*.json"))
    schema = ["--schemafile", str(TOPIC / "v1.schema.json"), "--output-format", "json"]
    result = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert sorted({error["filename"] for error in json.loads(result.stdout)["errors"]}) == paths


@pytest.mark.parametrize("name", ["ok-balance", "ok-completed-drift"])
def test_every_member_is_required_and_any_other_is_allowed(name: str) -> None:
    event = read(TOPIC / "examples" / f"{name}.json")
    definition = "balance_drift" if event["type"] == DETECTED else "drift_check"
    assert set(event["data"]) == set(SCHEMA["$defs"][definition]["properties"])
    data = event["data"]
    for holder in (event, data, data.get("severities", {}), *data.get("casinos", [])):
        for member in tuple(holder):
            value = holder.pop(member)
            assert violations(event), f"{member} is not required"
            holder[member] = value
        assert violations(event) == set()
        holder["a_member_of_tomorrow"] = {"any": ["value", None]}
        assert violations(event) == set()


@pytest.mark.parametrize("name", ["ok-balance", "ok-completed-drift"])
def test_no_member_takes_a_value_of_another_kind(name: str) -> None:
    event = read(TOPIC / "examples" / f"{name}.json")
    data = event["data"]
    for holder in (event, data, data.get("severities", {}), *data.get("casinos", [])):
        for member, value in tuple(holder.items()):
            for wrong in (True, "not\tit", {"no": "thing"}, *([] if value is None else [None])):
                holder[member] = wrong
                assert violations(event), f"{member} may be {wrong}"
            holder[member] = value


@pytest.mark.parametrize("path", examples("ok-*.json", DETECTED))
def test_an_alerts_identity_and_time_follow_from_its_finding(path: Path) -> None:
    event = read(path)
    data = event["data"]
    names = ("run_id", "casino_id", "player_id", "kind")
    assert event["id"] == ":".join(data[name] for name in names)
    assert event["time"] == data["detected_at"]


@pytest.mark.parametrize("path", examples("ok-*.json", DETECTED))
def test_an_alerts_figures_agree(path: Path) -> None:
    data = read(path)["data"]
    drift = (data["current_balance"] or 0) - data["computed_balance"]
    assert data["drift"] == max(-FARTHEST, min(drift, FARTHEST))
    if data["computed_balance"]:
        exact = Decimal(data["drift"]) * 100 / abs(data["computed_balance"])
        assert data["drift_percentage"] == round(exact, 4)


@pytest.mark.parametrize("path", examples("ok-*.json", COMPLETED))
def test_a_runs_identity_and_figures_agree(path: Path) -> None:
    event = read(path)
    data = event["data"]
    assert event["id"] == f"{data['run_id']}:completed"
    assert event["time"] == data["finished_at"] >= data["started_at"]
    for name in ("players_checked", "players_drifted"):
        assert data[name] == sum(casino[name] for casino in data["casinos"])
    findings = sum(data["severities"][name] for name in ("critical", "warning", "info"))
    assert findings >= data["players_drifted"]


def test_every_kind_and_severity_has_a_good_example_and_stands_in_the_readme() -> None:
    readme = (TOPIC / "README.md").read_text(encoding="utf-8")
    told_of = set(re.findall(r"`(\w+)`", readme))
    alerts = [read(path)["data"] for path in TOPIC.glob("examples/ok-*.json")]
    kinds = SCHEMA["$defs"]["balance_drift"]["properties"]["kind"]["enum"]
    assert {data["kind"] for data in alerts if "kind" in data} == set(kinds) <= told_of
    severities = SCHEMA["$defs"]["severity"]["enum"]
    assert {data["severity"] for data in alerts if "kind" in data} == set(severities) <= told_of


def test_an_alerts_id_ends_with_a_kind_that_there_is() -> None:
    kinds = SCHEMA["$defs"]["balance_drift"]["properties"]["kind"]["enum"]
    pattern = SCHEMA["oneOf"][0]["properties"]["id"]["pattern"]
    assert pattern.endswith(f"({'|'.join(kinds)})$")


def test_an_event_of_one_type_never_passes_as_the_other() -> None:
    alert = read(TOPIC / "examples" / "ok-balance.json")
    run = read(TOPIC / "examples" / "ok-completed-drift.json")
    for event, other in ((alert, run), (run, alert)):
        crossed = {**copy.deepcopy(event), "data": other["data"]}
        assert violations(crossed)
        assert violations({**event, "type": other["type"]})
