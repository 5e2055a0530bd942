"""Settings of a casino."""

import json
import uuid

import asyncpg
import pytest

from sqlstaff import Desk, change_settings, refusal
from sqltools import as_operator, connected

_SET = "SELECT * FROM set_casino_settings($1, $2)"
_RULES = "SELECT * FROM casino_rules WHERE casino_id = $1"


async def _set(desk: Desk, settings: object) -> asyncpg.Record:
    async with as_operator(desk.database, str(desk.casino)) as operator:
        (row,) = await operator.fetch(_SET, desk.casino, json.dumps(settings))
    return row


async def test_settings_are_changed_together_and_audited_with_before_and_after(desk: Desk) -> None:
    row = await _set(
        desk,
        {
            "max_redeem_points_per_txn": "700",
            "max_overdraw_points_per_redeem": None,
            "timezone": "Europe/Vienna",
            "gaming_day_start": "05:30",
            "accrual_enabled": "true",  # as it was
        },
    )
    before = {
        "max_redeem_points_per_txn": 20_000,
        "max_overdraw_points_per_redeem": 5000,
        "timezone": "UTC",
        "gaming_day_start": "06:00:00",
    }
    after = {
        "max_redeem_points_per_txn": 700,
        "max_overdraw_points_per_redeem": None,
        "timezone": "Europe/Vienna",
        "gaming_day_start": "05:30:00",
    }
    assert json.loads(row["settings_before"]) == before
    assert json.loads(row["settings_after"]) == after
    audit = await desk.superuser.fetchrow(
        "SELECT domain, details, correlation_id FROM audit_log"
        " WHERE casino_id = $1 AND action = 'set'",
        desk.casino,
    )
    assert audit is not None
    assert (audit["domain"], audit["correlation_id"]) == ("casino", "test")
    assert json.loads(audit["details"]) == {"before": before, "after": after}
    rules = await desk.superuser.fetchrow(_RULES, desk.casino)
    assert rules is not None
    assert (rules["max_redeem_points_per_txn"], rules["max_overdraw_points_per_redeem"]) == (
        700,
        None,
    )

    # one setting leaves the others as they are
    row = await _set(desk, {"accrual_enabled": False})
    assert json.loads(row["settings_after"]) == {"accrual_enabled": False}
    rules = await desk.superuser.fetchrow(_RULES, desk.casino)
    assert rules is not None
    assert (rules["max_redeem_points_per_txn"], rules["accrual_enabled"]) == (700, False)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"tier": "gold"}, 'setting "tier" is not known'),
        ({"casino_id": str(uuid.uuid4())}, "is not known"),
        ({"updated_at": "2026-01-01"}, "is not known"),
        ({"max_redeem_points_per_txn": "-1"}, "whole number"),
        ({"max_redeem_points_per_txn": "1e3"}, "whole number"),
        ({"max_redeem_points_per_txn": ""}, "whole number"),
        ({"max_overdraw_points_per_redeem": 10**12 + 1}, "whole number"),
        ({"max_overdraw_points_per_redeem": "9" * 30}, "whole number"),
        ({"accrual_enabled": "yes"}, "true or false"),
        ({"accrual_enabled": None}, "true or false"),
        ({"timezone": "Mars/Olympus"}, "IANA"),
        ({"timezone": "FOO+5"}, "IANA"),
        ({"timezone": None}, "IANA"),
        ({"gaming_day_start": "24:00"}, "06:00"),
        ({"gaming_day_start": "6 am"}, "06:00"),
        ({"gaming_day_start": None}, "06:00"),
        ({}, "at least one"),
        ([], "at least one"),
        (None, "at least one"),
        ({"timezone": "Europe/Vienna", "max_redeem_points_per_txn": "x"}, "whole number"),
    ],
)
async def test_a_name_or_value_that_does_not_fit_is_refused_and_nothing_changed(
    desk: Desk, settings: object, text: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match=text):
        await _set(desk, settings)
    rows = "SELECT count(*) FROM casino_settings WHERE casino_id = $1"
    assert await desk.superuser.fetchval(rows, desk.casino) == 0


async def test_only_an_operator_with_the_casino_in_scope_changes_settings(
    desk: Desk, neighbour: Desk
) -> None:
    settings = '{"accrual_enabled": false}'
    for login in ("worker", "readonly", "staff_gateway", "token_gateway"):
        async with connected(getattr(desk.database, login)) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(_SET, desk.casino, settings)
    async with as_operator(desk.database, str(neighbour.casino)) as operator:
        assert await refusal(operator.fetch(_SET, desk.casino, settings)) == "CASINO_MISMATCH"
    unknown = uuid.uuid4()
    async with as_operator(desk.database, str(unknown)) as operator:
        assert await refusal(operator.fetch(_SET, unknown, settings)) == "CASINO_UNKNOWN"


async def test_caps_that_a_bare_update_would_spoil_are_refused_by_the_table(desk: Desk) -> None:
    await change_settings(desk, max_redeem_points_per_txn=5)
    async with as_operator(desk.database, str(desk.casino)) as operator:
        with pytest.raises(asyncpg.CheckViolationError):
            await operator.execute("UPDATE casino_settings SET max_redeem_points_per_txn = -1")
