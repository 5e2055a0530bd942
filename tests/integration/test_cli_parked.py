"""`loyalty parked` and `loyalty casino disable|enable`: what is shown, asked for and audited."""

import json

from command import Run, loyalty
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import add_casino, row_of, value_of

CASINO = "6a1d9a34-6f0e-4d0e-9a1c-0b7b1f6f2a10"
PAUSES = "SELECT count(*) FROM accrual_pause WHERE resumed_at IS NULL"


async def casino(database: DatabaseUrls, *arguments: str) -> Run:
    return await loyalty("casino", *arguments, OPERATOR_DATABASE_URL=database.operator)


async def test_a_casino_is_switched_off_with_yes_and_a_reason_that_is_audited(
    database: DatabaseUrls,
) -> None:
    await add_casino(database, CASINO)
    plan = await casino(database, "disable", CASINO, "--reason", "renovation")
    assert plan.returncode == 2
    assert "its events will wait" in plan.stderr
    assert await value_of(database, PAUSES) == 0
    assert (await casino(database, "disable", CASINO, "--reason", " ", "--yes")).returncode == 2
    done = await casino(
        database, "disable", CASINO, "--reason", "renovation", "--actor", "a tester", "--yes"
    )
    assert done.stdout == f"casino {CASINO} is disabled\n"
    assert await value_of(database, PAUSES) == 1
    again = await casino(database, "disable", CASINO, "--reason", "renovation", "--yes", "--json")
    assert json.loads(again.stdout) == {"casino_id": CASINO, "changed": False}
    audit = await row_of(
        database,
        "SELECT actor_name, details::text FROM audit_log WHERE action = 'set' ORDER BY id LIMIT 1",
    )
    assert audit[0] == "a tester"
    assert json.loads(audit[1])["reason"] == "renovation"


async def test_a_casino_that_nobody_provisioned_cannot_be_switched(
    database: DatabaseUrls,
) -> None:
    run = await casino(database, "enable", CASINO, "--reason", "open again", "--yes")
    assert run.returncode in (2, 5), run.stderr
    assert "unexpected" not in run.stderr


async def test_a_release_with_nothing_to_release_says_so_and_needs_the_worker_s_login(
    database: DatabaseUrls,
) -> None:
    operator = {"OPERATOR_DATABASE_URL": database.operator}
    without = await loyalty("parked", "release", "--yes", **operator)
    assert without.returncode == 4
    assert "LOYALTY_DATABASE_URL" in without.stderr
    run = await loyalty(
        "parked", "release", "--yes", "--json", **operator, DATABASE_URL=database.worker
    )
    assert json.loads(run.stdout) == {"released": [], "waiting": {}}
    listed = await loyalty("parked", "list", "--cause", "awaiting_accrual", "--json", **operator)
    assert json.loads(listed.stdout) == []
    assert (await loyalty("parked", "list", "--cause", "bored", **operator)).returncode == 2
