"""Append-only and isolation: against what each was tried, and where the other trials stand.

    update, delete, truncate         refuse_change, check_ledger_rules/test_bare_inserts
    cascade from a parent            refuse_change, and here
    ON CONFLICT DO UPDATE            check_ledger_rules/test_bare_inserts
    a bare INSERT by each role       check_ledger_rules/test_bare_inserts
    a null role, an empty setting    roles_allowed, set_rls_context
    settings written by the gateway  set_rls_context, set_service_context
    claims in other sessions         claimed_staff
    a stale context                  set_rls_context, set_service_context
    another casino's ids             set_rls_context, and here
    another person's staff id        set_rls_context, check_ledger_rules/test_bare_inserts

I1 to I5 are held by every test that asks `whole`, and by the concurrent ones of rpc_redeem; I6 is
refuse_change; I7 post_closed_slips; I8 is here and in set_service_context.
"""

import uuid

import asyncpg
import pytest

from sqlslips import Connection
from sqlstaff import ROLES, Desk, player_with

_TABLES_OF_A_CASINO = (
    "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
    " AND a.attname = 'casino_id' AND NOT a.attisdropped"
    " AND has_table_privilege('loyalty_staff', c.oid, 'SELECT')"
)
_FOREIGN_KEYS = (
    "SELECT conname, confdeltype::text, confupdtype::text FROM pg_constraint"
    " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
)


@pytest.mark.parametrize("role", ROLES)
async def test_a_person_sees_rows_of_the_own_casino_alone_and_a_dealer_none(
    desk: Desk, neighbour: Desk, role: str
) -> None:
    for each in (desk, neighbour):
        await player_with(each, 10)
        await each.superuser.execute(
            "INSERT INTO casino_settings (casino_id) VALUES ($1)", each.casino
        )
    tables = {name for (name,) in await desk.superuser.fetch(_TABLES_OF_A_CASINO)}
    assert tables == {
        "casino_settings",
        "loyalty_ledger",
        "player_loyalty",
        "rating_slip",
        "staff",
    }
    for table in tables:
        query = f"SELECT DISTINCT casino_id FROM {table}"  # noqa: S608 - our own table names
        seen = {row["casino_id"] for row in await desk.rows(role, query)}
        # everybody sees the own row of staff
        assert seen == (set() if role == "dealer" and table != "staff" else {desk.casino}), table
    seen = {row["id"] for row in await desk.rows(role, "SELECT id FROM casino")}
    assert seen == (set() if role == "dealer" else {desk.casino})


@pytest.mark.parametrize("role", ROLES)
async def test_a_person_writes_no_balance_or_slip_of_another_casino(
    desk: Desk, neighbour: Desk, role: str
) -> None:
    player = await player_with(neighbour, 10)
    moved = "UPDATE player_loyalty SET current_balance = 0 WHERE player_id = $1 RETURNING 1"
    assert await desk.rows(role, moved, player) == []
    removed = "DELETE FROM player_loyalty WHERE player_id = $1 RETURNING 1"
    assert await desk.rows(role, removed, player) == []
    closed = "UPDATE rating_slip SET average_bet = 0 WHERE casino_id = $1 RETURNING 1"
    assert await desk.rows(role, closed, neighbour.casino) == []
    for insert in (
        "INSERT INTO player_loyalty (casino_id, player_id) VALUES ($1, gen_random_uuid())",
        (
            "INSERT INTO rating_slip (casino_id, id, visit_id, visit_kind, started_at, status)"
            " VALUES ($1, $1, $1, 'gaming_ghost_unrated', now(), 'open')"
        ),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            await desk.rows(role, insert, neighbour.casino)


async def test_no_foreign_key_carries_a_change_from_one_table_into_another(
    superuser: Connection,
) -> None:
    keys = await superuser.fetch(_FOREIGN_KEYS)
    assert keys
    # a: no action, r: restrict
    assert {(key["confdeltype"], key["confupdtype"]) for key in keys} <= {
        ("a", "a"),
        ("r", "a"),
        ("r", "r"),
    }


async def test_deleting_a_player_with_entries_takes_nothing_along(desk: Desk) -> None:
    player = await player_with(desk, 10)
    # PostgreSQL 18 has a state of its own for RESTRICT
    with pytest.raises((asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError)):
        await desk.superuser.execute("DELETE FROM player WHERE id = $1", player)
    count = "SELECT count(*) FROM loyalty_ledger WHERE player_id = $1"
    assert await desk.superuser.fetchval(count, player) == 1


async def test_a_gateway_that_is_no_person_has_no_casino(desk: Desk) -> None:
    for action in ("read", "redeem", "base_accrual", "reconcile", "", str(uuid.uuid4())):
        assert await desk.gateway.fetchval("SELECT staff_casino($1)", action) is None
    assert await desk.gateway.fetchval("SELECT postable_reasons()") == []
