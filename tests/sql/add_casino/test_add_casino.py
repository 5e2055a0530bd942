"""Provisioning a casino."""

import json
import uuid

import asyncpg
import pytest

from sqlslips import Connection, scope

_ADD = "SELECT add_casino($1, $2, $3)"


async def test_a_casino_is_added_once_with_its_time_zone_and_an_audit_row(
    operator: Connection, superuser: Connection
) -> None:
    casino = uuid.uuid4()
    async with scope(operator, [casino]):
        await operator.execute("SELECT set_config('app.actor_name', 'Rosa', true)")
        assert await operator.fetchval(_ADD, casino, "Harbour", "Europe/Vienna") is True
    async with scope(operator, [casino]):
        assert await operator.fetchval(_ADD, casino, "Harbour", "Europe/Vienna") is False

    rules = await superuser.fetchrow("SELECT timezone, accrual_enabled FROM casino_rules")
    assert rules is not None
    assert tuple(rules) == ("Europe/Vienna", True)
    (audit,) = await superuser.fetch("SELECT * FROM audit_log")
    assert (audit["casino_id"], audit["domain"], audit["action"]) == (casino, "casino", "add")
    assert (audit["actor_name"], audit["correlation_id"]) == ("Rosa", "test")
    assert json.loads(audit["details"]) == {"name": "Harbour", "timezone": "Europe/Vienna"}


async def test_without_a_scope_the_new_casino_becomes_it_and_without_a_name_the_login_acts(
    operator: Connection, superuser: Connection
) -> None:
    casino = uuid.uuid4()
    assert await operator.fetchval(_ADD, casino, "Harbour", None) is True

    assert await superuser.fetchval("SELECT count(*) FROM casino_settings") == 0
    actor = await superuser.fetchval("SELECT actor_name FROM audit_log")
    assert actor == await operator.fetchval("SELECT session_user")


@pytest.mark.parametrize(("name", "timezone"), [("Other", None), ("Harbour", "Asia/Macau")])
async def test_a_known_casino_with_other_data_is_refused(
    operator: Connection, name: str, timezone: str | None
) -> None:
    casino = uuid.uuid4()
    await operator.execute(_ADD, casino, "Harbour", None)
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_IDEMPOTENCY_CONFLICT") as refusal:
        await operator.execute(_ADD, casino, name, timezone)
    assert refusal.value.sqlstate == "LY018"


@pytest.mark.parametrize(
    ("name", "timezone"), [("  ", None), (None, None), ("Harbour", "Mars/Olympus"), ("H", "FOO+5")]
)
async def test_an_empty_name_or_an_unknown_time_zone_is_no_casino(
    operator: Connection, superuser: Connection, name: str | None, timezone: str | None
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await operator.execute(_ADD, uuid.uuid4(), name, timezone)
    assert await superuser.fetchval("SELECT count(*) FROM casino") == 0


async def test_a_time_zone_that_would_fail_every_batch_is_refused_to_a_bare_insert_too(
    superuser: Connection, casino: uuid.UUID
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await superuser.execute(
            "INSERT INTO casino_settings (casino_id, timezone) VALUES ($1, 'Mars/Olympus')", casino
        )


async def test_a_casino_outside_of_the_scope_is_not_added(operator: Connection) -> None:
    async with scope(operator, [uuid.uuid4()]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
            await operator.execute(_ADD, uuid.uuid4(), "Harbour", None)


async def test_only_an_operator_adds_casinos(worker: Connection, readonly: Connection) -> None:
    for connection in (worker, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(_ADD, uuid.uuid4(), "Harbour", None)
