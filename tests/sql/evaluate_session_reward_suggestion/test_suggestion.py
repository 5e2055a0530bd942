"""What a slip would earn, by the rules of the accrual."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from sqlslips import GHOST, RATED, REWARD, new_slip, post, snapshot
from sqlstaff import Desk, accrued_slip, change_settings, player_with, record_slip, refusal

_SUGGEST = "SELECT * FROM evaluate_session_reward_suggestion($1)"
_AS_OF = "SELECT * FROM evaluate_session_reward_suggestion($1, $2)"


async def test_a_closed_slip_gives_what_its_accrual_will_give(desk: Desk) -> None:
    slip = new_slip(desk.casino)
    await record_slip(desk.superuser, slip)
    row = await desk.row("cashier", _SUGGEST, slip.rating_slip_id)

    assert dict(row) == {
        "suggested_theo": Decimal(210),
        "suggested_points": 2100,
        "policy_version": "loyalty_points_v1",
        "max_recommended_points": 2100,
        "notes": "closed slip, not accrued yet",
    }
    # time has no say in a closed slip
    later = slip.closed_at + timedelta(days=1)
    assert await desk.row("cashier", _AS_OF, slip.rating_slip_id, later) == row
    await post(desk.service, slip)
    accrued = await desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert dict(accrued) == dict(row) | {"notes": "closed slip, accrued"}


async def test_an_open_slip_gives_what_the_time_played_so_far_gives(desk: Desk) -> None:
    slip = new_slip(desk.casino, average_bet=Decimal(50))
    await record_slip(desk.superuser, slip, "open")
    as_of = slip.started_at + timedelta(minutes=30, milliseconds=900)
    row = await desk.row("cashier", _AS_OF, slip.rating_slip_id, as_of)

    # 26.25 theo, 262.5 points round up
    assert (row["suggested_theo"], row["suggested_points"]) == (Decimal("26.25"), 263)
    assert row["notes"] == "open slip, 1800 s played so far"
    now = await desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert now["suggested_points"] > 263
    assert (await desk.row("cashier", _AS_OF, slip.rating_slip_id, None)) is not None


async def test_no_more_is_recommended_than_can_be_redeemed_at_once(desk: Desk) -> None:
    slip = await accrued_slip(desk, 500)
    await change_settings(desk, max_redeem_points_per_txn=400)
    row = await desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert (row["suggested_points"], row["max_recommended_points"]) == (500, 400)
    assert row["notes"] == "closed slip, accrued; limited to 400 points per redemption"

    await change_settings(desk, max_redeem_points_per_txn=None)
    row = await desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert row["max_recommended_points"] == 500


@pytest.mark.parametrize("status", ["open", "closed"])
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"policy_snapshot": None}, "SNAPSHOT_MISSING"),
        ({"policy_snapshot": snapshot(house_edge="-1")}, "SNAPSHOT_INVALID"),
        ({"policy_snapshot": snapshot(policy_version="v0")}, "POLICY_UNKNOWN"),
        ({"average_bet": Decimal(-5)}, "FACTS_INVALID"),
        ({"average_bet": Decimal(10) ** 17}, "POINTS_OUT_OF_RANGE"),
        ({"visit_kind": GHOST}, "UNRATED_VISIT"),
        ({"visit_kind": REWARD}, "UNRATED_VISIT"),
        ({"visit_kind": RATED, "player_id": None}, "UNRATED_VISIT"),
    ],
)
async def test_it_refuses_what_an_accrual_would_refuse(
    desk: Desk, changes: dict[str, object], name: str, status: str
) -> None:
    slip = new_slip(desk.casino).but(**changes)
    await record_slip(desk.superuser, slip, status)
    request = desk.row("cashier", _AS_OF, slip.rating_slip_id, slip.closed_at)
    assert await refusal(request) == name


async def test_an_unknown_slip_and_one_that_has_not_begun_are_refused(desk: Desk) -> None:
    for unknown in (uuid.uuid4(), None):
        assert await refusal(desk.row("cashier", _SUGGEST, unknown)) == "SLIP_NOT_FOUND"
    slip = new_slip(desk.casino)
    await record_slip(desk.superuser, slip, "open")
    early = slip.started_at - timedelta(seconds=1)
    request = desk.row("cashier", _AS_OF, slip.rating_slip_id, early)
    assert await refusal(request) == "FACTS_INVALID"


async def test_a_casino_that_accrues_nothing_suggests_only_what_was_accrued(desk: Desk) -> None:
    accrued, fresh = await accrued_slip(desk, 500), new_slip(desk.casino)
    await record_slip(desk.superuser, fresh)
    await change_settings(desk, accrual_enabled=False)
    assert (await desk.row("cashier", _SUGGEST, accrued.rating_slip_id))["suggested_points"] == 500
    request = desk.row("cashier", _SUGGEST, fresh.rating_slip_id)
    assert await refusal(request) == "ACCRUAL_DISABLED"


async def test_a_balance_that_could_not_be_booked_is_refused(desk: Desk) -> None:
    slip = new_slip(desk.casino, player_id=await player_with(desk, 0))
    await record_slip(desk.superuser, slip)
    await desk.adjust("admin", slip.player_id, 10**12 - 2099)
    request = desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert await refusal(request) == "POINTS_OUT_OF_RANGE"


async def test_facts_that_were_changed_behind_the_ledger_are_refused(desk: Desk) -> None:
    slip = await accrued_slip(desk, 500)
    await desk.superuser.execute(
        "UPDATE rating_slip SET average_bet = 1 WHERE id = $1", slip.rating_slip_id
    )
    request = desk.row("cashier", _SUGGEST, slip.rating_slip_id)
    assert await refusal(request) == "FACTS_CONFLICT"


async def test_it_works_in_a_transaction_that_may_not_write(desk: Desk) -> None:
    slip = await accrued_slip(desk, 500)
    async with desk.gateway.transaction(readonly=True):
        await desk.gateway.execute(
            "SELECT set_rls_context($1, $2, 'cashier', 'test')",
            desk.staff["cashier"],
            desk.casino,
        )
        assert await desk.gateway.fetchrow(_SUGGEST, slip.rating_slip_id) is not None
