"""`loyalty migrate` and `casino`, on a real database with its real logins."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from command import Run, loyalty
from loyalty_worker.database.schema_check import required_version
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import add_casino, connected, row_of, value_of

CASINO = "6a1d9a34-6f0e-4d0e-9a1c-0b7b1f6f2a10"


async def test_migrate_up_needs_yes_and_then_brings_an_empty_database_to_the_newest_schema(
    empty_database: DatabaseUrls,
) -> None:
    async def run(*arguments: str) -> Run:
        return await loyalty("migrate", *arguments, MIGRATION_DATABASE_URL=empty_database.owner)

    refused = await run("up")
    pending = await run("status", "--json")
    plan = json.loads((await run("plan", "--json")).stdout)
    done = await run("up", "--yes", "--json")
    applied = await run("status")
    again = await run("up")

    assert refused.returncode == 2
    assert "apply versions/0001" in refused.stderr
    assert "add --yes" in refused.stderr
    assert pending.returncode == 3
    assert {row["status"] for row in json.loads(pending.stdout)} == {"pending"}
    assert len(plan["versions"]) == required_version()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == required_version()
    assert applied.returncode == 0
    assert applied.stdout.count("applied ") == required_version()
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


async def test_an_interrupted_command_says_so_by_its_exit_status(
    empty_database: DatabaseUrls,
) -> None:
    async with connected(empty_database.owner) as other:
        await other.execute("SELECT pg_advisory_lock(x'6C6F79616C7479'::bigint)")
        waiting = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loyalty_worker", "migrate", "up", "--yes"),
            env={**os.environ, "LOYALTY_MIGRATION_DATABASE_URL": empty_database.owner},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not await value_of(
            empty_database,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'",
        ):
            await asyncio.sleep(0.05)
        waiting.send_signal(signal.SIGINT)
        output, errors = await waiting.communicate()

    assert waiting.returncode == 130
    assert output == b""
    assert b"Traceback" not in errors


async def test_migrate_with_a_login_that_may_not_is_told_so(
    empty_database: DatabaseUrls,
) -> None:
    run = await loyalty("migrate", "up", "--yes", MIGRATION_DATABASE_URL=empty_database.readonly)

    assert run.returncode == 4
    assert "SQLSTATE 42501" in run.stderr
    assert "Traceback" not in run.stderr


async def test_casino_add_shows_its_plan_and_changes_nothing_without_yes(
    database: DatabaseUrls,
) -> None:
    run = await loyalty(
        "casino", "add", CASINO, "--name", "Nord", OPERATOR_DATABASE_URL=database.operator
    )

    assert run.returncode == 2
    assert f"add casino {CASINO}, Nord, time zone UTC" in run.stderr
    assert await value_of(database, "SELECT count(*) FROM casino") == 0


async def test_a_casino_is_added_once_listed_and_audited_with_who_did_it(
    database: DatabaseUrls,
) -> None:
    arguments = ["casino", "add", CASINO, "--name", "Nord", "--timezone", "Europe/Vienna", "--yes"]

    first = await loyalty(
        *arguments, "--actor", "a tester", OPERATOR_DATABASE_URL=database.operator
    )
    again = await loyalty(*arguments, "--json", OPERATOR_DATABASE_URL=database.operator)
    listed = await loyalty("casino", "list", "--json", OPERATOR_DATABASE_URL=database.operator)

    assert (first.returncode, first.stdout) == (0, f"casino {CASINO} is provisioned\n")
    assert json.loads(again.stdout) == {"casino_id": CASINO, "added": False}
    assert json.loads(listed.stdout) == [
        {
            "casino_id": CASINO,
            "name": "Nord",
            "status": "active",
            "timezone": "Europe/Vienna",
            "accrual_enabled": True,
            "gaming_day_start": "06:00:00",
            "max_redeem_points_per_txn": 20000,
            "max_overdraw_points_per_redeem": 5000,
        }
    ]
    audit = await row_of(database, "SELECT actor_name, action FROM audit_log")
    assert tuple(audit) == ("a tester", "add")


async def test_a_casino_that_is_there_with_other_data_is_refused(database: DatabaseUrls) -> None:
    await add_casino(database, CASINO, "Nord")

    run = await loyalty(
        "casino", "add", CASINO, "--name", "Sued", "--yes", OPERATOR_DATABASE_URL=database.operator
    )

    assert run.returncode == 5
    assert run.stderr.splitlines()[-1].startswith("LOYALTY_IDEMPOTENCY_CONFLICT: ")


@pytest.mark.parametrize(
    "arguments", [("--name", " "), ("--name", "Nord", "--timezone", "Middle/Earth")]
)
async def test_a_blank_name_or_an_unknown_time_zone_is_a_usage_error(
    database: DatabaseUrls, arguments: tuple[str, ...]
) -> None:
    run = await loyalty(
        "casino", "add", CASINO, *arguments, "--yes", OPERATOR_DATABASE_URL=database.operator
    )

    assert run.returncode == 2
    assert await value_of(database, "SELECT count(*) FROM casino") == 0


async def test_a_login_that_is_no_operator_is_told_so(database: DatabaseUrls) -> None:
    run = await loyalty(
        "casino", "add", CASINO, "--name", "Nord", "--yes", OPERATOR_DATABASE_URL=database.readonly
    )

    assert run.returncode in {4, 5}
    assert "Traceback" not in run.stderr
    assert await value_of(database, "SELECT count(*) FROM casino") == 0


async def test_a_database_that_nobody_migrated_is_told_with_the_command_that_helps(
    empty_database: DatabaseUrls,
) -> None:
    run = await loyalty("casino", "list", OPERATOR_DATABASE_URL=empty_database.operator)

    assert run.returncode == 4
    assert "loyalty migrate up" in run.stderr
