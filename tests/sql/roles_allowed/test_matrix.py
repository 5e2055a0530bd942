"""The matrix of roles: who may do what, by the functions and by a bare INSERT.

One test for each cell; what is not in the matrix is refused.
"""

import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal

import asyncpg
import pytest

from sqlslips import Connection, scope
from sqlstaff import (
    ROLES,
    Desk,
    accrued_slip,
    player_with,
    record_slip,
    refusal,
    slip_worth,
)
from sqltools import as_operator, connected

_MAY = {
    "base_accrual": {"pit_boss", "admin"},
    "promotion": {"pit_boss", "admin"},
    "redeem": {"pit_boss", "cashier", "admin"},
    "overdraw": {"pit_boss", "admin"},
    "manual_credit": {"pit_boss", "admin"},
    "adjust": {"admin"},
    "reverse": {"admin"},
    "reconcile": {"admin"},
    "balance": {"pit_boss", "cashier", "admin"},
    "statement": {"pit_boss", "cashier", "admin"},
    "suggestion": {"pit_boss", "cashier", "admin"},
}
_RECONCILE = "SELECT * FROM rpc_reconcile_loyalty_balance($1, $2)"
_Act = Callable[[Desk, str], Awaitable[object]]


async def _accrue(desk: Desk, role: str) -> object:
    slip = slip_worth(desk.casino, 10)
    await record_slip(desk.superuser, slip)
    return await desk.row(
        role,
        "SELECT * FROM rpc_accrue_on_close($1, $2, gen_random_uuid())",
        slip.rating_slip_id,
        desk.casino,
    )


async def _promote(desk: Desk, role: str) -> object:
    slip = await accrued_slip(desk)
    return await desk.promote(role, slip.rating_slip_id, Decimal(2))


async def _redeem(desk: Desk, role: str) -> object:
    return await desk.redeem(role, await player_with(desk, 10), 5)


async def _overdraw(desk: Desk, role: str) -> object:
    return await desk.redeem(role, await player_with(desk, 10), 15, overdraw=True)


async def _credit(desk: Desk, role: str) -> object:
    return await desk.credit(role, await player_with(desk), 5)


async def _adjust(desk: Desk, role: str) -> object:
    return await desk.adjust(role, await player_with(desk), 5)


async def _reverse(desk: Desk, role: str) -> object:
    credit = await desk.credit("admin", await player_with(desk), 5)
    return await desk.reverse(role, credit["ledger_id"])


async def _reconcile(desk: Desk, role: str) -> object:
    return await desk.row(role, _RECONCILE, await player_with(desk), desk.casino)


async def _balance(desk: Desk, role: str) -> object:
    query = "SELECT * FROM rpc_get_player_balance($1, $2)"
    return await desk.row(role, query, desk.casino, await player_with(desk))


async def _statement(desk: Desk, role: str) -> object:
    query = "SELECT * FROM rpc_get_player_ledger($1, $2, NULL)"
    return await desk.row(role, query, desk.casino, await player_with(desk))


async def _suggest(desk: Desk, role: str) -> object:
    slip = await accrued_slip(desk)
    query = "SELECT * FROM evaluate_session_reward_suggestion($1)"
    return await desk.row(role, query, slip.rating_slip_id)


_ACTS: dict[str, _Act] = {
    "base_accrual": _accrue,
    "promotion": _promote,
    "redeem": _redeem,
    "overdraw": _overdraw,
    "manual_credit": _credit,
    "adjust": _adjust,
    "reverse": _reverse,
    "reconcile": _reconcile,
    "balance": _balance,
    "statement": _statement,
    "suggestion": _suggest,
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", _MAY)
async def test_each_role_of_the_staff_may_what_the_matrix_says_and_nothing_else(
    desk: Desk, role: str, action: str
) -> None:
    if role in _MAY[action]:
        assert await _ACTS[action](desk, role) is not None
        return
    allowed_otherwise = action == "overdraw" and role in _MAY["redeem"]
    expected = "OVERDRAW_NOT_AUTHORIZED" if allowed_otherwise else "FORBIDDEN"
    assert await refusal(_ACTS[action](desk, role)) == expected


_CALLS = {
    "promotion": "rpc_apply_promotion($1, $2, 'spring', 2, NULL, gen_random_uuid())",
    "accrual": "rpc_accrue_on_close($2, $1, gen_random_uuid())",
    "redeem": "rpc_redeem($1, $2, 1, $2, 'note', gen_random_uuid())",
    "manual_credit": "rpc_manual_credit($1, $2, 1, $2, 'note', gen_random_uuid())",
    "adjust": "rpc_adjust_points($1, $2, 1, $2, 'note', gen_random_uuid())",
    "reverse": "rpc_reverse_ledger_entry($1, $2, $2, 'note', gen_random_uuid())",
    "reconcile": "rpc_reconcile_loyalty_balance($2, $1)",
    "balance": "rpc_get_player_balance($1, $2)",
    "statement": "rpc_get_player_ledger($1, $2, NULL)",
    "suggestion": "evaluate_session_reward_suggestion($2) WHERE $1::uuid IS NOT NULL",
    "casino_set": (
        """set_casino_settings($1, '{"accrual_enabled": true}') WHERE $2::uuid IS NOT NULL"""
    ),
}


@pytest.mark.parametrize(
    ("login", "may"),
    [
        ("worker", {"promotion", "accrual"}),
        ("operator", {"reconcile", "casino_set"}),
        ("readonly", set()),
        ("owner", set()),
    ],
)
async def test_each_service_may_what_the_matrix_says_and_nothing_else(
    desk: Desk, login: str, may: set[str]
) -> None:
    player = await player_with(desk)
    async with connected(getattr(desk.database, login)) as connection:
        for action, call in _CALLS.items():
            state = await _sqlstate(connection, desk, call, player)
            if action in may:
                # no such slip: past the gates
                assert state in {"", "LY001"}, action
            else:
                assert state in {"LY029", "LY030", "42501"}, action


async def _sqlstate(connection: Connection, desk: Desk, call: str, player: uuid.UUID) -> str:
    """Ask with the scope written into the settings, past the function that refuses most logins."""
    scoped = "SELECT set_config('app.casino_ids', $1, true)"
    try:
        async with connection.transaction():
            await connection.execute(scoped, f"{{{desk.casino}}}")
            query = f"SELECT * FROM {call}"  # noqa: S608 - our calls
            await connection.fetch(query, desk.casino, player)
    except asyncpg.PostgresError as error:
        return error.sqlstate or "none"
    return ""


async def test_service_and_operator_read_by_select(desk: Desk) -> None:
    player = await player_with(desk, 10)
    query = "SELECT points_delta FROM loyalty_ledger WHERE player_id = $1"
    async with scope(desk.service, [desk.casino]):
        assert await desk.service.fetchval(query, player) == 10
    async with as_operator(desk.database, str(desk.casino)) as operator:
        assert await operator.fetchval(query, player) == 10


async def test_an_action_that_nobody_named_is_allowed_to_nobody(superuser: Connection) -> None:
    for action in ("redeemed", "", None):
        assert await superuser.fetchval("SELECT roles_allowed($1)", action) == []


async def test_a_null_role_passes_no_gate(desk: Desk) -> None:
    for roles in (None, [], [None]):
        async with desk.acting("admin") as gateway:
            assert await gateway.fetchval("SELECT caller_has_role($1)", roles) is False
    async with desk.gateway.transaction():
        assert await desk.gateway.fetchval("SELECT caller_has_role('{admin,NULL}')") is False
