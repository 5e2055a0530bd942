"""`loyalty dlq` on letters as the worker files them: what it shows, refuses and audits."""

import asyncio
import json
import os
import signal
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from command import Run, loyalty
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_letters import list_letters
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.processes import start_process
from parts.source import Part
from sqlletters import file_letters
from sqltools import connected, row_of, value_of


@pytest.fixture(autouse=True)
async def letters(database: DatabaseUrls) -> list[int]:
    """Three open letters, at offsets 1 to 3; the last one of another topic and reason."""
    async with connected(database.worker) as worker:
        first = await file_letters(worker, 1, 2)
        return first + await file_letters(worker, 3, topic="promotion", reason="EVENT_INVALID")


async def dlq(database: DatabaseUrls, *arguments: str, **settings: str) -> Run:
    return await loyalty("dlq", *arguments, **settings, OPERATOR_DATABASE_URL=database.operator)


async def rows(database: DatabaseUrls, *arguments: str) -> list[dict[str, Any]]:
    run = await dlq(database, *arguments, "--json")
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


async def test_a_list_is_narrowed_by_each_of_its_filters(
    database: DatabaseUrls, letters: list[int]
) -> None:
    async def ids(**narrowed: Any) -> list[int]:  # noqa: ANN401 - any filter
        filters = dict.fromkeys(("status", "topic", "reason", "casino_id", "since"))
        async with operator_reading(database.operator) as connection:
            found = await list_letters(connection, **{**filters, "limit": 9, **narrowed})
        return [letter.id for letter in found]

    assert await ids() == letters[::-1]
    assert await ids(limit=1) == letters[2:]
    assert await ids(topic="promotion") == letters[2:]
    assert await ids(reason="EVENT_UNDECODABLE") == letters[1::-1]
    assert await ids(casino_id=uuid.UUID(int=2)) == [letters[1]]
    assert await ids(since=datetime(2999, 1, 1, tzinfo=UTC)) == []
    assert await ids(status="discarded") == []


async def test_a_list_takes_all_filters_and_has_nothing_of_the_record(
    database: DatabaseUrls,
) -> None:
    (row,) = await rows(
        database,
        *("list", "--topic", "promotion", "--reason-is", "EVENT_INVALID", "--status", "all"),
        *("--casino", str(uuid.UUID(int=3)), "--since", "2026-01-01", "--limit", "5"),
    )
    assert list(row) == [
        *("id", "topic", "partition", "offset", "reason", "sqlstate", "event_id", "casino_id"),
        *("status", "attempts", "redrives", "occurred_at"),
    ]
    assert (row["offset"], row["reason"], row["status"]) == (3, "EVENT_INVALID", "open")


async def test_a_letter_shows_the_names_of_its_headers_and_its_bytes_only_when_asked(
    database: DatabaseUrls, letters: list[int]
) -> None:
    shown = json.loads((await dlq(database, "show", str(letters[0]), "--json")).stdout)
    assert shown["header_names"] == ["trace", "trace"]
    assert not {"key", "value", "headers"} & set(shown)
    whole = await dlq(database, "show", str(letters[0]), "--payload", "--json")
    assert json.loads(whole.stdout)["value"] == "00ff7b"
    assert json.loads(whole.stdout)["headers"] == [["trace", None], ["trace", "ff"]]
    missing = await dlq(database, "show", "999999")
    assert (missing.returncode, missing.stdout) == (5, "")


async def test_a_discard_needs_yes_and_a_reason_in_words_and_is_audited_with_who_did_it(
    database: DatabaseUrls, letters: list[int]
) -> None:
    wanted = ("discard", *map(str, letters[:2]))
    plan = await dlq(database, *wanted, "--reason", "garbage")
    assert plan.returncode == 2
    assert f"discard dead letter {letters[0]}" in plan.stderr
    assert (await dlq(database, *wanted, "--reason", "  ", "--yes")).returncode == 2
    assert await value_of(database, "SELECT count(*) FROM dead_letter WHERE status = 'open'") == 3
    done = await dlq(database, *wanted, "--reason", "garbage", "--actor", "a tester", "--yes")
    assert done.stdout == "2 letters discarded\n"
    again = await dlq(database, *wanted, str(letters[2]), "--reason", "garbage", "--yes")
    assert again.stdout == "1 letters discarded; 2 were not open\n"
    audit = await row_of(
        database,
        "SELECT actor_name, details FROM audit_log WHERE action = 'discard' ORDER BY id LIMIT 1",
    )
    assert audit[0] == "a tester"
    assert json.loads(audit[1]) == {"ids": letters[:2], "reason": "garbage"}


async def test_only_what_was_settled_long_enough_ago_is_purged(
    database: DatabaseUrls, letters: list[int]
) -> None:
    await dlq(database, "discard", *map(str, letters), "--reason", "garbage", "--yes")
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "UPDATE dead_letter SET copied_at = now(),"
            " closed_at = now() - CASE id WHEN $1 THEN interval '31 days' ELSE '29 days' END",
            letters[0],
        )
    assert (await dlq(database, "purge", "--older-than", "a month", "--yes")).returncode == 2
    assert (await dlq(database, "purge", "--older-than", "30d")).returncode == 2
    done = await dlq(database, "purge", "--older-than", "30d", "--yes", "--json")
    assert json.loads(done.stdout) == {"letters": 1, "parked": 0}
    shown = await dlq(database, "show", str(letters[0]), "--payload", "--json")
    assert (json.loads(shown.stdout)["purged"], json.loads(shown.stdout)["value"]) == (True, None)


async def test_a_redrive_says_what_it_would_try_and_audits_filter_and_result(
    database: DatabaseUrls, letters: list[int]
) -> None:
    wanted = ("redrive", "--id", str(letters[0]), "--actor", "a tester")
    worker = {
        "DATABASE_URL": database.worker,
        "TOPIC_RATING_SLIP_CLOSED": "rating-slip-closed",
    }
    assert (await dlq(database, *wanted, **worker)).returncode == 2
    assert (await dlq(database, *wanted, "--yes")).returncode == 4
    dry = await dlq(database, *wanted, "--dry-run", **worker)
    assert dry.returncode == 3, dry.stderr
    assert "upper bound" in dry.stdout
    assert await value_of(database, "SELECT sum(redrives)::int FROM dead_letter") == 0
    done = await dlq(database, *wanted, "--yes", "--json", **worker)
    assert done.returncode == 3, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["outcome"], row["records"], row["points"]) == ("dead_lettered", 1, 0)
    audit = await row_of(
        database,
        "SELECT actor_name, details FROM audit_log WHERE action = 'redrive_end'"
        " AND (details ->> 'complete')::boolean",
    )
    assert audit[0] == "a tester"
    assert json.loads(audit[1])["ids"] == [letters[0]]
    assert json.loads(audit[1])["outcomes"] == [row]


@pytest.mark.parametrize("where", [("missing", "0"), ("{topic}", "9")])
async def test_what_is_not_on_the_broker_cannot_be_set_aside(
    database: DatabaseUrls, kafka: Part, topic: str, where: tuple[str, str]
) -> None:
    name = where[0].format(topic=topic)
    run = await dlq(
        database,
        *("quarantine", name, where[1], "0", "--reason", "test", "--yes"),
        KAFKA_BOOTSTRAP_SERVERS=kafka.address,
        TOPIC_RATING_SLIP_CLOSED=name,
    )
    assert run.returncode == 5, run.stderr
    assert "there is no record" in run.stderr


async def test_an_interrupted_redrive_ends_with_130_and_audits_what_it_had_done(
    database: DatabaseUrls, directory: Path
) -> None:
    environment = {
        "LOYALTY_DATABASE_URL": database.worker,
        "LOYALTY_OPERATOR_DATABASE_URL": database.operator,
        "LOYALTY_TOPIC_RATING_SLIP_CLOSED": "rating-slip-closed",
    }
    with (directory / "redrive.log").open("wb") as log:
        redrive = start_process(
            [sys.executable, "-m", "loyalty_worker", "dlq", "redrive", "--rate", "0.1", "--yes"],
            environment={**os.environ, **environment},
            output=log,
            errors=log,
        )
        async with asyncio.timeout(30):
            while not await value_of(database, "SELECT sum(redrives)::int FROM dead_letter"):
                await asyncio.sleep(0.05)
        redrive.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(redrive.wait, 15) == 130
    audit = await row_of(database, "SELECT details FROM audit_log WHERE action = 'redrive_end'")
    details = json.loads(audit[0])
    assert details["complete"] is False
    assert 0 < sum(outcome["records"] for outcome in details["outcomes"]) < 3
    printed = (directory / "redrive.log").read_text()
    assert "EVENT_UNDECODABLE" in printed
    assert "ended early; run the command again for the rest" in printed
