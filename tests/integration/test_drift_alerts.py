"""The drift check's alerts, as librdkafka and a JSON Schema library of others see them."""

import asyncio
import json
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from confluent_kafka import Message as Published
from jsonschema import Draft202012Validator, FormatChecker

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.resources import resource_folder
from parts.crashing_worker import CrashingWorker
from parts.drift import DriftHouse, drift_house, request
from parts.kafka import create_topic as make_topic
from parts.kafka import delete_topics
from parts.source import Part
from parts.topics import publish, until_no_lag
from parts.worker import WorkerProcess
from slips import Message, message
from sqltools import connected

DETECTED = "loyalty.balance-drift.detected.v1"
CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")
TESTS = Path(__file__).parents[1]
SEVERITIES = ("critical", "warning", "info")
WAITING = "SELECT count(*) FROM outbox_record"
SOUND = 400
WRONG = 1_100
# What an owner without scruples does to one player each, and what is found then.
DAMAGES = (
    ("UPDATE player_loyalty SET current_balance = current_balance + 50 WHERE", {"balance"}),
    ("UPDATE player_loyalty SET current_balance = current_balance - 500 WHERE", {"balance"}),
    ("UPDATE player_loyalty SET current_balance = current_balance + 1001 WHERE", {"balance"}),
    ("UPDATE player_loyalty SET entry_count = entry_count + 1 WHERE", {"entry_count"}),
    ("DELETE FROM player_loyalty WHERE", {"cache_missing"}),
    (
        "UPDATE loyalty_ledger SET balance_after = balance_after + 1 WHERE entry_no = 1 AND",
        {"chain_broken"},
    ),
    (
        "DELETE FROM loyalty_ledger WHERE entry_no = 1 AND",
        {"balance", "entry_count", "entries_missing"},
    ),
    ("DELETE FROM loyalty_ledger WHERE", {"cache_without_entries"}),
)
FIGURES = (
    "SELECT b.current_balance, coalesce(sum(l.points_delta), 0)::bigint AS computed_balance,"
    " count(l.id) AS ledger_entry_count, max(l.created_at) AS last_ledger_update"
    " FROM (SELECT $1::uuid AS player_id) AS p LEFT JOIN player_loyalty AS b USING (player_id)"
    " LEFT JOIN loyalty_ledger AS l USING (player_id) GROUP BY 1"
)

formats = FormatChecker()
schema = resource_folder("schemas") / "loyalty-drift-alerts" / "v1.schema.json"
validator = Draft202012Validator(json.loads(schema.read_bytes()), format_checker=formats)


@formats.checks("date-time", raises=ValueError)
def is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[DriftHouse]:
    async with drift_house(database, kafka.address, create_topic, directory) as house:
        yield house


def valid(record: Published) -> dict[str, Any]:
    """Return the event of a record once all that the topic promises of it was seen to hold."""
    event: dict[str, Any] = json.loads(record.value() or b"", parse_float=Decimal)
    validator.validate(event)
    data = event["data"]
    key, name = data["casino_id"], f"{data['run_id']}:completed"
    if event["type"] == DETECTED:
        key = f"{key}:{data['player_id']}"
        name = f"{data['run_id']}:{key}:{data['kind']}"
    assert record.key() == (None if key is None else key.encode())
    assert record.headers() == [CONTENT_TYPE]
    assert (event["source"], event["id"]) == ("/loyalty-worker/drift", name)
    return event


def by_run(records: list[Published]) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return of each run the data of its one summary and those of its alerts."""
    alerts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    summaries: dict[str, dict[str, Any]] = {}
    for event in map(valid, records):
        data = event["data"]
        if event["type"] == DETECTED:
            alerts[data["run_id"]].append(data)
        else:
            assert data["run_id"] not in summaries
            summaries[data["run_id"]] = data
    assert set(alerts) <= set(summaries)
    return {run: (summary, alerts[run]) for run, summary in summaries.items()}


def severity(kind: str, drift: int) -> str:
    """Return what a finding is where few players drift."""
    if kind in {"entries_missing", "chain_broken"} or abs(drift) > 1000:
        return "critical"
    return "warning" if abs(drift) > 100 else "info"


async def damaged(house: DriftHouse) -> dict[tuple[str, str], dict[str, Any]]:
    """Spoil the books of the first players; return what must be said, by player and kind."""
    expected: dict[tuple[str, str], dict[str, Any]] = {}
    async with connected(house.database.superuser) as connection:
        await connection.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
        for player, (statement, kinds) in zip(house.factory.players, DAMAGES, strict=False):
            await connection.execute(f"{statement} player_id = $1", uuid.UUID(player))
            (row,) = await connection.fetch(FIGURES, uuid.UUID(player))
            figures = figures_of(row)
            for kind in kinds:
                expected[player, kind] = figures | {"severity": severity(kind, figures["drift"])}
    return expected


def figures_of(row: asyncpg.Record) -> dict[str, Any]:
    """Return what an alert says in numbers."""
    computed = row["computed_balance"]
    drift = (row["current_balance"] or 0) - computed
    share = None
    if computed:
        exact = Decimal(drift * 100) / abs(computed)
        share = exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return {**dict(row), "drift": drift, "drift_percentage": share}


async def drift_metrics(worker: WorkerProcess) -> dict[str, float]:
    """Return what a worker shows of drift, once it has read the state of two runs."""
    async with asyncio.timeout(20):
        while await worker.metric("loyalty_drift_check_runs_total") < 2:
            await asyncio.sleep(0.1)
    _, text = await worker.probe("/metrics")
    lines = [line for line in text.splitlines() if line.startswith("loyalty_drift_")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_every_finding_is_an_alert_and_every_run_a_summary_which_metrics_outlive(
    house: DriftHouse,
) -> None:
    parts, casino_id = "accrual,drift,relay", house.factory.casino_id
    players = house.factory.players
    async with house.worker(parts) as worker:
        slips = [message(house.factory.event(player_id=player)) for player in players * 3]
        await publish(house.kafka, house.slips, slips)
        await until_no_lag(house.kafka, f"{house.slips}-accrual", house.slips)
        await house.plant(SOUND)
        await house.ask(request("while sound"))
        await house.answered()
        expected = await damaged(house)
        await house.ask(request("damaged", casino_id))
        await house.answered()
        await house.until(WAITING, 0)
        shown = await drift_metrics(worker)
    records = await house.published(house.alerts)
    (clean, none), (drifted, alerts) = by_run(records).values()
    assert (clean["verdict"], clean["casino_id"], none) == ("clean", None, [])
    assert (drifted["verdict"], drifted["casino_id"]) == ("drift", casino_id)
    for summary in (clean, drifted):
        assert summary["players_checked"] == SOUND + len(players)
    assert drifted["players_drifted"] == len(DAMAGES)
    assert drifted["severities"] == Counter(one["severity"] for one in expected.values())
    said = {(data["player_id"], data["kind"]): data for data in alerts}
    assert len(said) == len(alerts)
    assert said.keys() == expected.keys()
    for finding, wanted in expected.items():
        told = dict(said[finding])
        updated = told["last_ledger_update"]
        told["last_ledger_update"] = updated and datetime.fromisoformat(updated)
        assert {name: told[name] for name in wanted} == wanted

    async with house.worker(parts) as restarted:
        assert await drift_metrics(restarted) == shown
    points = {player: abs(one["drift"]) for (player, _), one in expected.items()}
    assert shown["loyalty_drift_points_abs"] == sum(points.values())
    for result in ("clean", "drift"):
        assert shown[f'loyalty_drift_check_runs_total{{result="{result}"}}'] == 1
    gravest = Counter(
        min(
            (one["severity"] for (who, _), one in expected.items() if who == player),
            key=SEVERITIES.index,
        )
        for player in points
    )
    for name in SEVERITIES:
        assert shown[f'loyalty_drift_players{{severity="{name}"}}'] == gravest[name]


async def test_a_relay_killed_amid_the_alerts_repeats_some_unchanged_and_leaves_none_out(
    house: DriftHouse,
) -> None:
    await house.plant(WRONG, balance=7)
    environment = house.settings | {
        "CRASH_POINT": "during relay",
        "CRASH_AT": "3",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    dying = CrashingWorker(environment, house.directory / "dying.log", "drift,relay")
    await dying.start()
    try:
        await house.ask(request("many"))
        assert await dying.wait() == -9
    finally:
        if dying.running:
            await dying.kill()
    async with connected(house.database.superuser) as connection:
        # as if its time had passed
        await connection.execute("UPDATE worker_lease SET expires_at = now()")
    async with house.worker("relay"):
        await house.until(WAITING, 0)
    bytes_of: defaultdict[str, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
    for record in await house.published(house.alerts):
        event = valid(record)
        bytes_of[event["id"]].append((record.key(), record.value()))
        assert event["data"].get("severity", "critical") == "critical"
    (run,) = await house.runs()
    findings = await house.rows(
        "SELECT concat_ws(':', run_id, casino_id, player_id, kind) FROM drift_finding"
    )
    assert len(findings) == WRONG
    assert set(bytes_of) == {*(row[0] for row in findings), f"{run['id']}:completed"}
    assert max(len(one) for one in bytes_of.values()) == 2
    assert all(len(set(one)) == 1 for one in bytes_of.values())


async def test_without_the_topic_of_alerts_letters_are_copied_and_alerts_wait_for_it(
    house: DriftHouse,
) -> None:
    garbage = Message(b"check", b"no request")
    async with house.worker("drift,relay") as worker:
        await delete_topics(house.kafka, [house.alerts])
        await house.ask(request("one"))
        async with asyncio.timeout(20):
            while not worker.events("publish_failed"):
                await asyncio.sleep(0.05)
        await house.ask(garbage)
        (copy,) = await house.published(f"{house.requests}.dlq", 1)
        assert copy.value() == garbage.value
        assert len(await house.rows("SELECT 1 FROM outbox_record")) == 1
        assert (await worker.probe("/livez"))[0] == 200
        await make_topic(house.kafka, house.alerts)
        await house.until(WAITING, 0)
    (summary,) = by_run(await house.published(house.alerts)).values()
    assert summary[0]["verdict"] == "clean"
