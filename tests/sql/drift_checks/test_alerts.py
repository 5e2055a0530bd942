"""The events that a closed run leaves in the outbox, and its audit."""

import base64
import json
import re
import uuid
from typing import Any

from sqldrift import account, begin, checked, close, plant, walk
from sqlslips import Connection

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_OUTBOX = "SELECT * FROM pending_outbox(1000)"


async def _alerts(connection: Connection) -> list[tuple[str | None, dict[str, Any]]]:
    """Return key and event of each record in the outbox."""
    return [
        (row["key"] and row["key"].decode(), json.loads(row["value"]))
        for row in await connection.fetch(_OUTBOX)
    ]


async def test_a_clean_run_says_so_to_the_audit_and_to_the_topic(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1), account(casino)])
    run = await begin(worker)
    await walk(worker, run)
    summary = await close(worker, run)
    assert tuple(summary)[:5] == ("clean", 2, 1, 0, 0)

    ((key, event),) = await _alerts(worker)
    assert key is None
    assert event.pop("time") == event["data"]["finished_at"]
    times = [event["data"].pop(name) for name in ("started_at", "finished_at")]
    assert all(_TIME.fullmatch(time) for time in times)
    assert event == {
        "specversion": "1.0",
        "id": f"{run}:completed",
        "source": "/loyalty/test",
        "type": "loyalty.drift-check.completed.v1",
        "datacontenttype": "application/json",
        "data": {
            "run_id": str(run),
            "trigger": "command",
            "casino_id": None,
            "verdict": "clean",
            "players_checked": 2,
            "entries_checked": 1,
            "players_drifted": 0,
            "largest_drift": 0,
            "severities": {"critical": 0, "warning": 0, "info": 0},
            "casinos": [{"casino_id": str(casino), "players_checked": 2, "players_drifted": 0}],
        },
    }
    (audit,) = await operator.fetch("SELECT * FROM audit_log WHERE domain = 'drift'")
    assert (audit["action"], audit["casino_id"]) == ("drift_check_completed", None)
    assert json.loads(audit["details"])["run_id"] == str(run)


async def test_each_finding_is_an_alert_of_its_own_whose_id_follows_from_the_run(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    damaged = account(casino, 30).cached(-10, 2)
    emptied = account(casino).cached(7, 1)
    await plant(superuser, [damaged, emptied])
    run = await checked(worker, casino)

    *alerts, (key, completed) = await _alerts(worker)
    assert key == str(casino)
    assert completed["data"]["casino_id"] == str(casino)
    assert completed["data"]["severities"] == {"critical": 3, "warning": 0, "info": 0}
    assert (completed["data"]["players_drifted"], completed["data"]["largest_drift"]) == (2, 40)
    by_id = {event["id"]: (key, event) for key, event in alerts}
    assert set(by_id) == {
        f"{run}:{casino}:{damaged.player}:balance",
        f"{run}:{casino}:{damaged.player}:entry_count",
        f"{run}:{casino}:{emptied.player}:cache_without_entries",
    }
    key, event = by_id[f"{run}:{casino}:{damaged.player}:balance"]
    assert key == f"{casino}:{damaged.player}"
    data = event["data"]
    assert _TIME.fullmatch(data.pop("last_ledger_update"))
    assert event["time"] == data.pop("detected_at")
    assert _TIME.fullmatch(event["time"])
    assert (event["type"], event["source"]) == (
        "loyalty.balance-drift.detected.v1",
        "/loyalty/test",
    )
    assert data == {
        "severity": "critical",
        "kind": "balance",
        "casino_id": str(casino),
        "player_id": str(damaged.player),
        "current_balance": -10,
        "computed_balance": 30,
        "drift": -40,
        "drift_percentage": -133.3333,
        "ledger_entry_count": 1,
        "run_id": str(run),
    }
    _, event = by_id[f"{run}:{casino}:{emptied.player}:cache_without_entries"]
    assert (event["data"]["drift_percentage"], event["data"]["last_ledger_update"]) == (None, None)


async def test_an_alert_is_a_structured_event_in_the_headers_of_a_letter(
    worker: Connection, casino: uuid.UUID
) -> None:
    await checked(worker, casino)
    (record,) = await worker.fetch(_OUTBOX)
    ((name, value),) = json.loads(record["headers"])
    assert record["topic"] == "drift-alerts"
    assert base64.b64decode(name) == b"content-type"
    assert base64.b64decode(value) == b"application/cloudevents+json; charset=UTF-8"


async def test_times_are_utc_whatever_the_session_says(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1).cached(2)])
    await worker.execute("SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'")
    await checked(worker)
    detected = await worker.fetchval(
        "SELECT extract(epoch FROM detected_at)::float8 FROM drift_finding"
    )
    text = (await _alerts(worker))[0][1]["time"]
    assert (
        await superuser.fetchval("SELECT extract(epoch FROM $1::text::timestamptz)::float8", text)
        == detected
    )
