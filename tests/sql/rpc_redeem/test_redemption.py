"""Spending points, its refusals, overdraws, and the same request again."""

import json
import uuid

import asyncpg
import pytest

from sqlstaff import Desk, balance_of, change_settings, entry_of, player_with, refusal, whole


async def test_a_redemption_takes_points_and_says_what_was_there(desk: Desk) -> None:
    player = await player_with(desk, 500)
    reward = uuid.uuid4()
    row = await desk.row(
        "cashier",
        "SELECT * FROM rpc_redeem($1, $2, 200, $3, 'dinner', gen_random_uuid(), false, $4, 'C-17')",
        desk.casino,
        player,
        desk.staff["cashier"],
        reward,
    )

    assert dict(row) | {"ledger_id": None} == {
        "ledger_id": None,
        "points_delta": -200,
        "balance_before": 500,
        "balance_after": 300,
        "overdraw_applied": False,
        "is_existing": False,
    }
    entry = await entry_of(desk, row["ledger_id"])
    assert (entry["entry_no"], entry["reason"], entry["note"]) == (2, "redeem", "dinner")
    assert entry["staff_id"] == desk.staff["cashier"]
    assert json.loads(entry["metadata"]) == {"reward_id": str(reward), "reference": "C-17"}
    assert await balance_of(desk, player) == (300, 2)
    assert await whole(desk)


async def test_the_same_request_again_returns_its_entry_with_its_own_balances(desk: Desk) -> None:
    player, key = await player_with(desk, 500), uuid.uuid4()
    first = await desk.redeem("cashier", player, 200, key=key)
    await desk.redeem("cashier", player, 50)

    again = await desk.redeem("cashier", player, 200, key=key)
    assert dict(again) == dict(first) | {"is_existing": True}
    assert await balance_of(desk, player) == (250, 3)


async def test_a_known_key_with_any_other_argument_is_a_conflict(desk: Desk) -> None:
    player, key = await player_with(desk, 500), uuid.uuid4()
    other = await player_with(desk, 500)
    await desk.redeem("cashier", player, 200, key=key)

    assert await refusal(desk.redeem("cashier", player, 201, key=key)) == "IDEMPOTENCY_CONFLICT"
    assert await refusal(desk.redeem("cashier", other, 200, key=key)) == "IDEMPOTENCY_CONFLICT"
    noted = desk.redeem("cashier", player, 200, key=key, note="supper")
    assert await refusal(noted) == "IDEMPOTENCY_CONFLICT"
    assert await refusal(desk.redeem("admin", player, 200, key=key)) == "IDEMPOTENCY_CONFLICT"
    allowed = desk.redeem("cashier", player, 200, key=key, overdraw=True)
    assert await refusal(allowed) == "IDEMPOTENCY_CONFLICT"
    assert await refusal(desk.adjust("admin", player, -200, key=key)) == "IDEMPOTENCY_CONFLICT"


async def test_a_refused_request_may_come_again_under_its_key(desk: Desk) -> None:
    player, key = await player_with(desk, 100), uuid.uuid4()
    assert await refusal(desk.redeem("admin", player, 200, key=key)) == "INSUFFICIENT_BALANCE"
    await desk.credit("admin", player, 100)
    assert not (await desk.redeem("admin", player, 200, key=key))["is_existing"]


async def test_what_the_balance_does_not_cover_is_refused_to_the_last_point(desk: Desk) -> None:
    player = await player_with(desk, 500)
    assert await refusal(desk.redeem("admin", player, 501)) == "INSUFFICIENT_BALANCE"
    assert (await desk.redeem("admin", player, 500))["balance_after"] == 0
    assert await refusal(desk.redeem("admin", player, 1)) == "INSUFFICIENT_BALANCE"
    nothing_said = desk.redeem("admin", player, 1, overdraw=None)
    assert await refusal(nothing_said) == "INSUFFICIENT_BALANCE"


@pytest.mark.parametrize("role", ["pit_boss", "admin"])
async def test_an_overdraw_may_reach_its_cap_and_records_who_approved(
    desk: Desk, role: str
) -> None:
    player = await player_with(desk, 500)
    over = desk.redeem(role, player, 5501, overdraw=True)
    assert await refusal(over) == "OVERDRAW_EXCEEDS_CAP"

    row = await desk.redeem(role, player, 5500, overdraw=True)
    assert (row["balance_after"], row["overdraw_applied"]) == (-5000, True)
    entry = await entry_of(desk, row["ledger_id"])
    assert json.loads(entry["metadata"])["overdraw"] == {
        "approved_by": str(desk.staff[role]),
        "points": 5000,
        "cap": 5000,
    }
    further = desk.redeem(role, player, 1, overdraw=True)
    assert await refusal(further) == "OVERDRAW_EXCEEDS_CAP"


async def test_where_the_funds_suffice_the_flag_means_nothing_whoever_sets_it(desk: Desk) -> None:
    player = await player_with(desk, 500)
    row = await desk.redeem("cashier", player, 500, overdraw=True)
    assert (row["balance_after"], row["overdraw_applied"]) == (0, False)
    assert "overdraw" not in json.loads((await entry_of(desk, row["ledger_id"]))["metadata"])


async def test_a_cashier_may_not_approve_an_overdraw(desk: Desk) -> None:
    player = await player_with(desk, 500)
    request = desk.redeem("cashier", player, 501, overdraw=True)
    assert await refusal(request) == "OVERDRAW_NOT_AUTHORIZED"


async def test_a_redemption_above_the_cap_is_refused_and_no_cap_is_null(desk: Desk) -> None:
    player = await player_with(desk, 900_000)
    assert await refusal(desk.redeem("admin", player, 20_001)) == "REDEEM_EXCEEDS_CAP"
    assert (await desk.redeem("admin", player, 20_000))["balance_after"] == 880_000

    await change_settings(desk, max_redeem_points_per_txn=None)
    assert (await desk.redeem("admin", player, 880_000))["balance_after"] == 0
    await change_settings(desk, max_overdraw_points_per_redeem=None)
    overdrawn = await desk.redeem("admin", player, 7_000_000, overdraw=True)
    assert overdrawn["balance_after"] == -7_000_000
    await change_settings(desk, max_overdraw_points_per_redeem=0, max_redeem_points_per_txn=0)
    assert await refusal(desk.redeem("admin", player, 1)) == "REDEEM_EXCEEDS_CAP"


async def test_funds_are_those_of_the_entries_not_of_the_cache(desk: Desk) -> None:
    rich, poor = await player_with(desk, 500), await player_with(desk, 500)
    for player, cached in ((rich, 1_000_000), (poor, 0)):
        await desk.superuser.execute(
            "UPDATE player_loyalty SET current_balance = $2 WHERE player_id = $1", player, cached
        )
    assert await refusal(desk.redeem("admin", rich, 501)) == "INSUFFICIENT_BALANCE"
    assert (await desk.redeem("admin", poor, 500))["balance_after"] == 0
    # moved by the points, so that it stays as wrong as it was
    assert await balance_of(desk, poor) == (-500, 2)


async def test_a_player_who_lost_the_cache_row_gets_one_from_zero_and_drifts_visibly(
    desk: Desk,
) -> None:
    player, key = await player_with(desk, 500), uuid.uuid4()
    removed = "DELETE FROM player_loyalty WHERE player_id = $1"
    await desk.superuser.execute(removed, player)
    assert (await desk.redeem("admin", player, 100, key=key))["balance_after"] == 400
    assert await balance_of(desk, player) == (-100, 1)

    # a request that finds its entry leaves no row behind
    await desk.superuser.execute(removed, player)
    assert (await desk.redeem("admin", player, 100, key=key))["is_existing"]
    rows = "SELECT count(*) FROM player_loyalty WHERE player_id = $1"
    assert await desk.superuser.fetchval(rows, player) == 0


async def test_arguments_that_make_no_redemption_are_refused(desk: Desk) -> None:
    player = await player_with(desk, 500)
    for points in (0, -1, None):
        assert await refusal(desk.redeem("admin", player, points)) == "POINTS_INVALID"
    assert await refusal(desk.redeem("admin", player, 10**12 + 1)) == "POINTS_OUT_OF_RANGE"
    for note in ("", "  ", "\n\t", None):
        assert await refusal(desk.redeem("admin", player, 1, note=note)) == "NOTE_REQUIRED"


async def test_a_player_whom_nobody_knows_is_refused_and_leaves_no_row(desk: Desk) -> None:
    for unknown in (uuid.uuid4(), None):
        assert await refusal(desk.redeem("admin", unknown, 1)) == "PLAYER_NOT_FOUND"
        assert await refusal(desk.credit("admin", unknown, 1)) == "PLAYER_NOT_FOUND"
        assert await refusal(desk.adjust("admin", unknown, 1)) == "PLAYER_NOT_FOUND"
    rows = "SELECT count(*) FROM player_loyalty WHERE casino_id = $1"
    assert await desk.superuser.fetchval(rows, desk.casino) == 0


async def test_checks_come_in_the_order_of_context_casino_role_actor_key_arguments_state(
    desk: Desk, neighbour: Desk
) -> None:
    query = "SELECT * FROM rpc_redeem($1, $2, $3, $4, $5, $6)"
    taken = uuid.uuid4()
    player = await player_with(desk, 500)
    await desk.redeem("cashier", player, 1, key=taken)
    wrong = [neighbour.casino, uuid.uuid4(), 0, uuid.uuid4(), None, None]
    right: list[object] = [desk.casino, uuid.uuid4(), 900, desk.staff["cashier"], "dinner", taken]

    async with desk.gateway.transaction():
        assert await refusal(desk.gateway.fetch(query, *wrong)) == "UNAUTHORIZED"
    arguments: list[object] = list(wrong)
    assert await refusal(desk.row("dealer", query, *arguments)) == "CASINO_MISMATCH"
    arguments[0] = right[0]
    assert await refusal(desk.row("dealer", query, *arguments)) == "FORBIDDEN"
    assert await refusal(desk.row("cashier", query, *arguments)) == "FORBIDDEN"
    arguments[3] = right[3]
    assert await refusal(desk.row("cashier", query, *arguments)) == "IDEMPOTENCY_REQUIRED"
    arguments[5] = right[5]
    assert await refusal(desk.row("cashier", query, *arguments)) == "POINTS_INVALID"
    arguments[2] = right[2]
    assert await refusal(desk.row("cashier", query, *arguments)) == "NOTE_REQUIRED"
    arguments[4] = right[4]
    assert await refusal(desk.row("cashier", query, *arguments)) == "IDEMPOTENCY_CONFLICT"
    arguments[5] = uuid.uuid4()
    assert await refusal(desk.row("cashier", query, *arguments)) == "PLAYER_NOT_FOUND"
    arguments[1] = player
    assert await refusal(desk.row("cashier", query, *arguments)) == "INSUFFICIENT_BALANCE"


async def test_a_balance_that_could_not_be_booked_is_refused(desk: Desk) -> None:
    player = await player_with(desk, 0)
    await change_settings(desk, max_overdraw_points_per_redeem=None, max_redeem_points_per_txn=None)
    await desk.redeem("admin", player, 10**12, overdraw=True)
    request = desk.redeem("admin", player, 1, overdraw=True)
    assert await refusal(request) == "POINTS_OUT_OF_RANGE"


async def test_the_service_may_not_redeem(desk: Desk) -> None:
    player = await player_with(desk, 500)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.service.execute(
            "SELECT rpc_redeem($1, $2, 1, $3, 'x', gen_random_uuid())",
            desk.casino,
            player,
            desk.staff["admin"],
        )
