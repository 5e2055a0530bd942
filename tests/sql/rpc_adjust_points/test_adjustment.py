"""Putting points right by hand."""

import uuid

from sqlstaff import Desk, balance_of, entry_of, player_with, refusal, whole


async def test_an_adjustment_moves_points_up_and_down_also_below_zero(desk: Desk) -> None:
    player = await player_with(desk, 500)
    assert (await desk.adjust("admin", player, 7))["balance_after"] == 507
    row = await desk.adjust("admin", player, -1000, note="rated twice")

    assert (row["points_delta"], row["balance_after"], row["is_existing"]) == (-1000, -493, False)
    entry = await entry_of(desk, row["ledger_id"])
    assert (entry["reason"], entry["note"], entry["entry_no"]) == ("adjustment", "rated twice", 3)
    assert entry["staff_id"] == desk.staff["admin"]
    assert await balance_of(desk, player) == (-493, 3)
    assert await whole(desk)


async def test_the_same_adjustment_again_is_the_one_that_was_made(desk: Desk) -> None:
    player, key = await player_with(desk, 0), uuid.uuid4()
    first = await desk.adjust("admin", player, -5, key=key)
    again = await desk.adjust("admin", player, -5, key=key)
    assert dict(again) == dict(first) | {"is_existing": True}
    assert await refusal(desk.adjust("admin", player, 5, key=key)) == "IDEMPOTENCY_CONFLICT"


async def test_an_adjustment_by_nothing_or_without_a_note_is_refused(desk: Desk) -> None:
    player = await player_with(desk, 500)
    for points in (0, None):
        assert await refusal(desk.adjust("admin", player, points)) == "POINTS_INVALID"
    assert await refusal(desk.adjust("admin", player, 1, note="")) == "NOTE_REQUIRED"


async def test_points_and_balances_beyond_the_range_are_refused(desk: Desk) -> None:
    player = await player_with(desk, 0)
    for points in (10**12 + 1, -(10**12) - 1, 2**63 - 1, -(2**63)):
        assert await refusal(desk.adjust("admin", player, points)) == "POINTS_OUT_OF_RANGE"
    await desk.adjust("admin", player, -(10**12))
    assert await refusal(desk.adjust("admin", player, -1)) == "POINTS_OUT_OF_RANGE"
    assert (await desk.adjust("admin", player, 10**12))["balance_after"] == 0


async def test_an_entry_bears_the_gaming_day_of_the_casinos_clock(desk: Desk) -> None:
    player = await player_with(desk, 0)
    row = await desk.adjust("admin", player, 1)
    entry = await entry_of(desk, row["ledger_id"])
    assert entry["gaming_day"] == await desk.superuser.fetchval(
        "SELECT loyalty_gaming_day($1, 'UTC', '06:00')", entry["occurred_at"]
    )
