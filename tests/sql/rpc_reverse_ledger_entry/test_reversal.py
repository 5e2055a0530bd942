"""Reversals: the exact opposite of an entry, once."""

import uuid

from sqlslips import BY_KEY, post
from sqlstaff import (
    Desk,
    accrued_slip,
    balance_of,
    entry_of,
    player_with,
    refusal,
    slip_worth,
    whole,
)

_BASE = "SELECT id FROM loyalty_ledger WHERE casino_id = $1 AND rating_slip_id = $2"


async def test_a_reversal_is_the_exact_opposite_and_bears_slip_and_visit(desk: Desk) -> None:
    slip = await accrued_slip(desk, 300)
    base = await desk.superuser.fetchval(_BASE, desk.casino, slip.rating_slip_id)
    row = await desk.reverse("admin", base, note="the wrong player")

    assert (row["points_delta"], row["balance_after"], row["is_existing"]) == (-300, 0, False)
    entry = await entry_of(desk, row["ledger_id"])
    assert (entry["reason"], entry["note"]) == ("reversal", "the wrong player")
    assert (entry["reversed_ledger_id"], entry["staff_id"]) == (base, desk.staff["admin"])
    assert (entry["rating_slip_id"], entry["visit_id"]) == (slip.rating_slip_id, slip.visit_id)
    assert await whole(desk)


async def test_a_reversal_may_take_a_balance_below_zero(desk: Desk) -> None:
    slip = await accrued_slip(desk, 300)
    base = await desk.superuser.fetchval(_BASE, desk.casino, slip.rating_slip_id)
    await desk.redeem("admin", slip.player_id, 300)
    assert (await desk.reverse("admin", base))["balance_after"] == -300


async def test_each_kind_of_entry_can_be_reversed_also_one_of_no_points(desk: Desk) -> None:
    slip = await accrued_slip(desk, 0)
    player = slip.player_id
    assert player is not None
    base = await desk.superuser.fetchval(_BASE, desk.casino, slip.rating_slip_id)
    promotion = await desk.promote("admin", slip.rating_slip_id, bonus=10)
    entries = [
        base,
        promotion["ledger_id"],
        (await desk.credit("admin", player, 30))["ledger_id"],
        (await desk.redeem("admin", player, 5))["ledger_id"],
        (await desk.adjust("admin", player, -7))["ledger_id"],
    ]
    for entry in entries:
        await desk.reverse("admin", entry)
    assert await balance_of(desk, player) == (0, 10)
    assert await whole(desk)


async def test_the_same_reversal_again_under_any_key_is_the_one_that_was_made(desk: Desk) -> None:
    player, key = await player_with(desk, 0), uuid.uuid4()
    credit = (await desk.credit("admin", player, 30))["ledger_id"]
    first = await desk.reverse("admin", credit, key=key)

    for again_key in (key, uuid.uuid4()):
        again = await desk.reverse("admin", credit, key=again_key)
        assert dict(again) == dict(first) | {"is_existing": True}


async def test_an_entry_is_reversed_once_and_a_reversal_never(desk: Desk) -> None:
    player, key = await player_with(desk, 0), uuid.uuid4()
    credit = (await desk.credit("admin", player, 30))["ledger_id"]
    reversal = (await desk.reverse("admin", credit, key=key))["ledger_id"]

    assert await refusal(desk.reverse("admin", credit, note="again")) == "ALREADY_REVERSED"
    conflict = desk.reverse("admin", credit, key=key, note="again")
    assert await refusal(conflict) == "IDEMPOTENCY_CONFLICT"
    assert await refusal(desk.reverse("admin", reversal)) == "NOT_REVERSIBLE"


async def test_an_entry_that_is_not_there_or_of_another_casino_is_refused(
    desk: Desk, neighbour: Desk
) -> None:
    player, key = await player_with(neighbour, 0), uuid.uuid4()
    theirs = (await neighbour.credit("admin", player, 30))["ledger_id"]
    for unknown in (uuid.uuid4(), theirs, None):
        assert await refusal(desk.reverse("admin", unknown)) == "ENTRY_NOT_FOUND"

    ours = (await desk.credit("admin", player, 30, key=key))["ledger_id"]
    assert await refusal(desk.reverse("admin", uuid.uuid4(), key=key)) == "IDEMPOTENCY_CONFLICT"
    assert await refusal(desk.reverse("admin", ours, note=None)) == "NOTE_REQUIRED"


async def test_a_reversed_slip_stays_reversed_when_its_event_comes_again(desk: Desk) -> None:
    slip = slip_worth(desk.casino, 300)
    await post(desk.service, slip)
    base = await desk.superuser.fetchval(_BASE, desk.casino, slip.rating_slip_id)
    await desk.reverse("admin", base)

    assert await post(desk.service, slip) == [BY_KEY]
    assert slip.player_id is not None
    assert await balance_of(desk, slip.player_id) == (0, 2)
