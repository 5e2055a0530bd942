"""A gateway that authenticates by token acts for the person whom the token names."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sqlslips import Connection
from sqlstaff import Desk, player_with, refusal
from sqltools import connected

_CLAIMS = "SELECT set_config('request.jwt.claims', $1, true)"
_ADJUST = "SELECT * FROM rpc_adjust_points($1, $2, 5, $3, 'note', gen_random_uuid())"


def _claims(actor: object, casino: object, role: object) -> str:
    app_metadata = {"casino_id": str(casino), "staff_role": role}
    return json.dumps({"sub": str(actor), "role": "x", "app_metadata": app_metadata})


@asynccontextmanager
async def _token_session(desk: Desk, claims: str) -> AsyncIterator[Connection]:
    """Open a transaction as such a gateway does: the group's role and the token's claims."""
    async with connected(desk.database.token_gateway) as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE loyalty_postgrest")
        await connection.execute(_CLAIMS, claims)
        yield connection


async def test_the_person_of_the_token_acts_with_the_rights_of_the_own_role(desk: Desk) -> None:
    player = await player_with(desk, 100)
    admin = desk.staff["admin"]
    async with _token_session(desk, _claims(admin, desk.casino, "admin")) as gateway:
        row = await gateway.fetchrow(_ADJUST, desk.casino, player, admin)
        assert row is not None
        assert row["balance_after"] == 105
        read = "SELECT current_balance FROM rpc_get_player_balance($1, $2)"
        assert await gateway.fetchval(read, desk.casino, player) == 105

    cashier = desk.staff["cashier"]
    async with _token_session(desk, _claims(cashier, desk.casino, "cashier")) as gateway:
        request = gateway.fetch(_ADJUST, desk.casino, player, cashier)
        assert await refusal(request) == "FORBIDDEN"


async def test_claims_are_verified_against_staff(desk: Desk, neighbour: Desk) -> None:
    admin, cashier = desk.staff["admin"], desk.staff["cashier"]
    player = await player_with(desk, 100)
    for claims in (
        _claims(cashier, desk.casino, "admin"),
        _claims(admin, neighbour.casino, "admin"),
        _claims(uuid.uuid4(), desk.casino, "admin"),
    ):
        async with _token_session(desk, claims) as gateway:
            assert await gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 0
            request = gateway.fetch(_ADJUST, desk.casino, player, admin)
            assert await refusal(request) == "STAFF_UNKNOWN"


@pytest.mark.parametrize(
    "claims",
    [
        "",
        "no json",
        "[]",
        "null",
        "17",
        "{}",
        '{"sub": "admin"}',
        '{"sub": null, "app_metadata": {"casino_id": null, "staff_role": null}}',
        '{"sub": "' + "0" * 36 + '", "app_metadata": []}',
        '{"sub": "\\u0000"}',
    ],
)
async def test_claims_that_name_nobody_are_no_context(desk: Desk, claims: str) -> None:
    async with _token_session(desk, claims) as gateway:
        assert await gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 0
        request = gateway.fetch(_ADJUST, desk.casino, uuid.uuid4(), desk.staff["admin"])
        assert await refusal(request) == "UNAUTHORIZED"


@pytest.mark.parametrize("login", ["staff_gateway", "worker", "operator", "readonly", "owner"])
async def test_claims_set_by_a_session_that_is_no_token_gateway_count_for_nothing(
    desk: Desk, login: str
) -> None:
    await player_with(desk, 100)
    async with connected(getattr(desk.database, login)) as connection, connection.transaction():
        await connection.execute(_CLAIMS, _claims(desk.staff["admin"], desk.casino, "admin"))
        if login != "owner":
            claimed = await connection.fetchrow("SELECT * FROM claimed_staff()")
            assert claimed is not None
            assert tuple(claimed) == (None, None, None)
        if login != "readonly":
            assert await connection.fetchval("SELECT count(*) FROM loyalty_ledger") == 0


async def test_settings_take_the_place_of_claims_and_are_verified_the_same_way(desk: Desk) -> None:
    admin, cashier = desk.staff["admin"], desk.staff["cashier"]
    async with _token_session(desk, _claims(admin, desk.casino, "admin")) as gateway:
        for name, value in (("actor_id", cashier), ("casino_id", desk.casino)):
            await gateway.execute("SELECT set_config($1, $2, true)", f"app.{name}", str(value))
        # not complete: neither they nor the claims behind them count
        assert await gateway.fetchval("SELECT actor_id FROM staff_context()") is None
        await gateway.execute("SELECT set_config('app.staff_role', 'admin', true)")
        assert await gateway.fetchval("SELECT actor_id FROM staff_context()") is None
        await gateway.execute("SELECT set_config('app.staff_role', 'cashier', true)")
        assert await gateway.fetchval("SELECT actor_id FROM staff_context()") == cashier


async def test_a_login_that_does_not_inherit_has_no_rights_before_it_takes_the_role(
    desk: Desk,
) -> None:
    async with connected(desk.database.token_gateway) as connection:
        for table in ("loyalty_ledger", "player_loyalty", "staff"):
            allowed = "SELECT has_table_privilege($1, 'SELECT')"
            assert await connection.fetchval(allowed, table) is False
