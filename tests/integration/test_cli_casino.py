"""`loyalty casino set` on a real database with the operator's login."""

import json

import pytest

from command import Run, loyalty
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import add_casino, row_of, value_of

CASINO = "6a1d9a34-6f0e-4d0e-9a1c-0b7b1f6f2a10"


@pytest.fixture(autouse=True)
async def casino(database: DatabaseUrls) -> None:
    """A provisioned casino with the default settings."""
    await add_casino(database, CASINO)


async def set_(database: DatabaseUrls, *arguments: str) -> Run:
    """Run `casino set` for the casino."""
    return await loyalty(
        "casino", "set", CASINO, *arguments, OPERATOR_DATABASE_URL=database.operator
    )


async def rules(database: DatabaseUrls) -> dict[str, object]:
    """Return the casino as `casino list` shows it."""
    listed = await loyalty("casino", "list", "--json", OPERATOR_DATABASE_URL=database.operator)
    (found,) = json.loads(listed.stdout)
    return dict(found)


async def test_the_plan_shows_before_and_after_and_nothing_changes_without_yes(
    database: DatabaseUrls,
) -> None:
    before = await rules(database)
    run = await set_(database, "max_redeem_points_per_txn=9000", "timezone=Europe/Vienna")

    assert run.returncode == 2
    assert "max_redeem_points_per_txn: 20000 → 9000" in run.stderr
    assert 'timezone: "UTC" → "Europe/Vienna"' in run.stderr
    assert "add --yes" in run.stderr
    assert await rules(database) == before
    assert await value_of(database, "SELECT count(*) FROM audit_log WHERE action = 'set'") == 0


async def test_settings_are_changed_together_and_audited_with_who_did_it(
    database: DatabaseUrls,
) -> None:
    run = await set_(
        database,
        *("max_overdraw_points_per_redeem=null", "accrual_enabled=false", "gaming_day_start=05:30"),
        *("--actor", "a tester", "--yes", "--json"),
    )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "casino_id": CASINO,
        "before": {
            "max_overdraw_points_per_redeem": 5000,
            "accrual_enabled": True,
            "gaming_day_start": "06:00:00",
        },
        "after": {
            "max_overdraw_points_per_redeem": None,
            "accrual_enabled": False,
            "gaming_day_start": "05:30:00",
        },
    }
    changed = await rules(database)
    assert changed["max_overdraw_points_per_redeem"] is None
    assert changed["gaming_day_start"] == "05:30:00"
    audit = await row_of(
        database, "SELECT actor_name, details -> 'after' FROM audit_log WHERE action = 'set'"
    )
    assert audit[0] == "a tester"
    assert json.loads(audit[1]) == json.loads(run.stdout)["after"]


async def test_settings_that_are_so_already_are_said_to_be(database: DatabaseUrls) -> None:
    run = await set_(database, "timezone=UTC", "--yes")

    assert run.returncode == 0, run.stderr
    assert run.stdout == f"casino {CASINO} has these settings already\n"


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("max_redeem_points_per_txn", "NAME=VALUE"),
        ("max_redeem_points_per_txn=-1", "max_redeem_points_per_txn is a whole number"),
        ("max_redeem_points_per_txn=", "max_redeem_points_per_txn is a whole number"),
        ("accrual_enabled=null", "accrual_enabled is true or false"),
        ("timezone=Middle/Earth", "timezone is an IANA name"),
        ("gaming_day_start=25:00", "gaming_day_start is a time"),
        ("name=Casino", 'setting "name" is not known'),
    ],
)
async def test_what_cannot_be_set_is_a_usage_error_that_names_it_and_changes_nothing(
    database: DatabaseUrls, argument: str, told: str
) -> None:
    before = await rules(database)
    run = await set_(database, "max_overdraw_points_per_redeem=1", argument, "--yes")

    assert run.returncode == 2
    assert told in run.stderr
    assert await rules(database) == before


async def test_a_casino_that_nobody_provisioned_is_refused(database: DatabaseUrls) -> None:
    run = await loyalty(
        *("casino", "set", "7a1d9a34-6f0e-4d0e-9a1c-0b7b1f6f2a10", "timezone=UTC", "--yes"),
        OPERATOR_DATABASE_URL=database.operator,
    )

    assert run.returncode == 5
    assert run.stderr.startswith("LOYALTY_CASINO_UNKNOWN: ")
