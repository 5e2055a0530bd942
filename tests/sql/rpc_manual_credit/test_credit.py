"""Goodwill points."""

import uuid

from sqlstaff import Desk, balance_of, entry_of, player_with, refusal, whole


async def test_a_credit_adds_points_with_note_and_person(desk: Desk) -> None:
    player = await player_with(desk, 500)
    row = await desk.credit("pit_boss", player, 50, note="waited long")

    assert dict(row) | {"ledger_id": None} == {
        "ledger_id": None,
        "points_delta": 50,
        "balance_after": 550,
        "is_existing": False,
    }
    entry = await entry_of(desk, row["ledger_id"])
    assert (entry["reason"], entry["note"]) == ("manual_reward", "waited long")
    assert entry["staff_id"] == desk.staff["pit_boss"]
    assert await balance_of(desk, player) == (550, 2)
    assert await whole(desk)


async def test_a_player_of_another_casino_may_have_a_first_credit_here(
    desk: Desk, neighbour: Desk
) -> None:
    player = await player_with(neighbour, 500)
    row = await desk.credit("admin", player, 50)
    assert (row["balance_after"], (await entry_of(desk, row["ledger_id"]))["entry_no"]) == (50, 1)
    assert await balance_of(neighbour, player) == (500, 1)


async def test_the_same_credit_again_is_the_one_that_was_given(desk: Desk) -> None:
    player, key = await player_with(desk, 0), uuid.uuid4()
    first = await desk.credit("admin", player, 50, key=key)
    again = await desk.credit("admin", player, 50, key=key)
    assert dict(again) == dict(first) | {"is_existing": True}
    assert await refusal(desk.credit("admin", player, 51, key=key)) == "IDEMPOTENCY_CONFLICT"
    # an adjustment by the same points is another operation
    assert await refusal(desk.adjust("admin", player, 50, key=key, note="waited long")) == (
        "IDEMPOTENCY_CONFLICT"
    )


async def test_a_credit_of_nothing_or_less_or_without_a_note_is_refused(desk: Desk) -> None:
    player = await player_with(desk, 500)
    for points in (0, -1, None):
        assert await refusal(desk.credit("admin", player, points)) == "POINTS_INVALID"
    assert await refusal(desk.credit("admin", player, 10**12 + 1)) == "POINTS_OUT_OF_RANGE"
    assert await refusal(desk.credit("admin", player, 10**12)) == "POINTS_OUT_OF_RANGE"
    assert await refusal(desk.credit("admin", player, 1, note=" ")) == "NOTE_REQUIRED"


async def test_a_credit_raises_a_balance_that_is_below_zero(desk: Desk) -> None:
    player = await player_with(desk, 0)
    await desk.adjust("admin", player, -100)
    assert (await desk.credit("admin", player, 50))["balance_after"] == -50
