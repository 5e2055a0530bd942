"""Putting a cached balance right by what the entries say."""

import json
import uuid

import asyncpg
import pytest

from sqlslips import post
from sqlstaff import Desk, balance_of, player_with, refusal, slip_worth, whole
from sqltools import as_operator

_RECONCILE = "SELECT * FROM rpc_reconcile_loyalty_balance($1, $2)"
_SPOIL = "UPDATE player_loyalty SET current_balance = $2, entry_count = $3 WHERE player_id = $1"
_REMOVE = "DELETE FROM player_loyalty WHERE player_id = $1"


async def _audit(desk: Desk) -> list[asyncpg.Record]:
    return list(
        await desk.superuser.fetch(
            "SELECT * FROM audit_log WHERE casino_id = $1 AND action = 'reconcile' ORDER BY id",
            desk.casino,
        )
    )


@pytest.mark.parametrize(
    ("balance", "count", "drift"),
    [(500, 1, False), (7, 1, True), (500, 2, True), (-(10**15), 10**9, True)],
)
async def test_balance_and_count_become_those_of_the_entries_and_both_are_audited(
    desk: Desk, balance: int, count: int, *, drift: bool
) -> None:
    player = await player_with(desk, 500)
    await desk.superuser.execute(_SPOIL, player, balance, count)
    row = await desk.row("admin", _RECONCILE, player, desk.casino)

    assert tuple(row) == (balance, 500, drift)
    assert await balance_of(desk, player) == (500, 1)
    (audit,) = await _audit(desk)
    assert (audit["actor_id"], audit["correlation_id"]) == (desk.staff["admin"], "test")
    assert json.loads(audit["details"]) == {
        "player_id": str(player),
        "old_balance": balance,
        "new_balance": 500,
        "old_entry_count": count,
        "new_entry_count": 1,
        "cache_was_missing": False,
        "drift_detected": drift,
    }
    assert await whole(desk)


async def test_a_missing_cache_row_is_made_and_reported_as_drift(desk: Desk) -> None:
    player = await player_with(desk, 500)
    await desk.superuser.execute(_REMOVE, player)
    assert tuple(await desk.row("admin", _RECONCILE, player, desk.casino)) == (0, 500, True)
    assert await balance_of(desk, player) == (500, 1)
    assert json.loads((await _audit(desk))[0]["details"])["cache_was_missing"] is True


async def test_an_operator_reconciles_with_name_and_reason_in_the_audit(desk: Desk) -> None:
    player, lost = await player_with(desk, 500), await player_with(desk, 40)
    await desk.superuser.execute(_SPOIL, player, 7, 1)
    await desk.superuser.execute(_REMOVE, lost)
    async with as_operator(desk.database, str(desk.casino)) as operator:
        await operator.execute("SELECT set_config('app.actor_name', 'Rosa', true)")
        await operator.execute("SELECT set_config('app.reason', 'ticket 17', true)")
        row = await operator.fetchrow(_RECONCILE, player, desk.casino)
        assert row is not None
        assert tuple(row) == (7, 500, True)
        row = await operator.fetchrow(_RECONCILE, lost, desk.casino)
        assert row is not None
        assert tuple(row) == (0, 40, True)
    first, _ = await _audit(desk)
    assert (first["actor_id"], first["actor_name"]) == (None, "Rosa")
    assert json.loads(first["details"])["reason"] == "ticket 17"
    assert await whole(desk)


async def test_a_cache_without_entries_becomes_zero(desk: Desk) -> None:
    player = uuid.uuid4()
    await desk.superuser.execute("INSERT INTO player (id) VALUES ($1)", player)
    await desk.superuser.execute(
        "INSERT INTO player_loyalty (casino_id, player_id, current_balance, entry_count)"
        " VALUES ($1, $2, 30, 2)",
        desk.casino,
        player,
    )
    assert tuple(await desk.row("admin", _RECONCILE, player, desk.casino)) == (30, 0, True)
    assert await whole(desk)


async def test_a_player_without_cache_and_entries_is_refused(desk: Desk) -> None:
    for unknown in (uuid.uuid4(), None):
        request = desk.row("admin", _RECONCILE, unknown, desk.casino)
        assert await refusal(request) == "PLAYER_NOT_FOUND"
    assert await _audit(desk) == []


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 2",  # a hole
        "DELETE FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 1",  # no beginning
        "UPDATE loyalty_ledger SET balance_after = 499 WHERE player_id = $1 AND entry_no = 1",
        "UPDATE loyalty_ledger SET points_delta = 6 WHERE player_id = $1 AND entry_no = 2",
    ],
)
async def test_a_damaged_ledger_is_refused_and_its_cache_stays_as_it_is(
    desk: Desk, damage: str
) -> None:
    player = await player_with(desk, 500)
    # without the entry of no points only the numbers tell that one is missing
    await post(desk.service, slip_worth(desk.casino, 0, player))
    await desk.credit("admin", player, 10)
    # the owner's DDL is what can still do this; it must not outlive the test
    async with desk.superuser.transaction():
        for trigger in ("loyalty_ledger_append_only", "loyalty_ledger_append_only_row"):
            await desk.superuser.execute(f"ALTER TABLE loyalty_ledger DISABLE TRIGGER {trigger}")
        await desk.superuser.execute(damage, player)
        for trigger in ("loyalty_ledger_append_only", "loyalty_ledger_append_only_row"):
            await desk.superuser.execute(
                f"ALTER TABLE loyalty_ledger ENABLE ALWAYS TRIGGER {trigger}"
            )

    request = desk.row("admin", _RECONCILE, player, desk.casino)
    assert await refusal(request) == "LEDGER_DAMAGED"
    assert await balance_of(desk, player) == (510, 3)
    assert await _audit(desk) == []
