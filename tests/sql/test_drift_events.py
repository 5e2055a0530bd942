"""What a closed drift check puts into the outbox is what `schemas/loyalty-drift-alerts` says."""

import json
import uuid
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from jsonschema_rs import Draft202012Validator

from loyalty_worker.publishing.drift_request import ALERT_SOURCE
from loyalty_worker.resources import resource_folder
from sqlslips import Connection, new_slip, post, scope

_SCHEMA = json.loads(
    (resource_folder("schemas") / "loyalty-drift-alerts" / "v1.schema.json").read_bytes()
)
_VALIDATOR = Draft202012Validator(_SCHEMA, validate_formats=True)
_KINDS = _SCHEMA["$defs"]["balance_drift"]["properties"]["kind"]["enum"]
_HEADERS = [["Y29udGVudC10eXBl", "YXBwbGljYXRpb24vY2xvdWRldmVudHMranNvbjsgY2hhcnNldD1VVEYtOA=="]]
_DAMAGE = {
    "info": "UPDATE player_loyalty SET current_balance = 6400 WHERE player_id = $1",
    "warning": "UPDATE player_loyalty SET current_balance = 5300 WHERE player_id = $1",
    "bigint": "UPDATE player_loyalty SET current_balance = 9223372036854775807"
    " WHERE player_id = $1",
    "count": "UPDATE player_loyalty SET entry_count = 4 WHERE player_id = $1",
    "no cache": "DELETE FROM player_loyalty WHERE player_id = $1",
    "hole": "DELETE FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 2",
    "chain": "UPDATE loyalty_ledger SET balance_after = 1 WHERE player_id = $1 AND entry_no = 2",
    "no entries": "DELETE FROM loyalty_ledger WHERE player_id = $1",
}


async def _check(worker: Connection, casino: uuid.UUID, scope_of_run: uuid.UUID | None) -> str:
    async with scope(worker, [casino]):
        run: uuid.UUID = await worker.fetchval(
            "SELECT run_id FROM begin_drift_check('request', $1, '/desk', $2, 'desk')",
            scope_of_run,
            str(uuid.uuid4()),
        )
        while not await worker.fetchval("SELECT walked FROM advance_drift_check($1, 9, 99)", run):
            pass
        await worker.execute("SELECT close_drift_check($1, 'alerts', $2)", run, ALERT_SOURCE)
    return str(run)


async def _published(worker: Connection) -> list[tuple[str | None, Any]]:
    rows: list[asyncpg.Record] = await worker.fetch("SELECT * FROM pending_outbox(1000)")
    assert {row["topic"] for row in rows} == {"alerts"}
    assert [json.loads(row["headers"]) for row in rows] == [_HEADERS for _ in rows]
    events = [json.loads(row["value"], parse_float=Decimal) for row in rows]
    for event in events:
        _VALIDATOR.validate(event)
    keys = [row["key"] and bytes(row["key"]).decode() for row in rows]
    return list(zip(keys, events, strict=True))


async def test_alerts_of_every_kind_satisfy_their_schema(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
    for damage in _DAMAGE.values():
        player = uuid.uuid4()
        await post(worker, *(new_slip(casino, player_id=player) for _ in range(3)))
        await superuser.execute(damage, player)
    run = await _check(worker, casino, None)
    *alerts, (no_key, summary) = await _published(worker)
    assert {event["data"]["kind"] for _, event in alerts} == set(_KINDS)
    for key, event in alerts:
        player = event["data"]["player_id"]
        assert key == f"{casino}:{player}"
        assert event["id"] == f"{run}:{casino}:{player}:{event['data']['kind']}"
        assert event["source"] == ALERT_SOURCE
    assert no_key is None
    assert summary["id"] == f"{run}:completed"
    assert sum(summary["data"]["severities"].values()) == len(alerts)


@pytest.mark.parametrize("one_casino", [True, False])
async def test_the_summary_of_a_clean_run_satisfies_its_schema(
    worker: Connection, casino: uuid.UUID, *, one_casino: bool
) -> None:
    await post(worker, new_slip(casino))
    await _check(worker, casino, casino if one_casino else None)
    ((key, summary),) = await _published(worker)
    assert summary["data"]["verdict"] == "clean"
    assert (key, summary["data"]["casino_id"]) == (
        (str(casino),) * 2 if one_casino else (None,) * 2
    )


async def test_few_drifting_players_are_told_by_the_size_of_their_drift(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    drifting = [uuid.uuid4() for _ in range(2)]
    await post(worker, *(new_slip(casino, player_id=player) for player in drifting * 3))
    await post(worker, *(new_slip(casino) for _ in range(38)))
    for player, size in zip(drifting, ("info", "warning"), strict=True):
        await superuser.execute(_DAMAGE[size], player)
    await _check(worker, casino, casino)
    *alerts, (_, summary) = await _published(worker)
    told = {event["data"]["player_id"]: event["data"]["severity"] for _, event in alerts}
    assert told == {str(drifting[0]): "info", str(drifting[1]): "warning"}
    assert summary["data"]["severities"] == {"critical": 0, "warning": 1, "info": 1}
