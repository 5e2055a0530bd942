"""Promotions on top of a slip's base accrual."""

import json
import uuid
from decimal import Decimal

import pytest

from sqlslips import GHOST, post, scope
from sqlstaff import (
    Desk,
    accrued_slip,
    balance_of,
    change_settings,
    entry_of,
    record_slip,
    refusal,
    slip_worth,
    whole,
)

_BASE = (
    "SELECT id FROM loyalty_ledger"
    " WHERE casino_id = $1 AND rating_slip_id = $2 AND reason = 'base_accrual'"
)


@pytest.mark.parametrize(
    ("base", "multiplier", "bonus", "points"),
    [
        (100, Decimal("1.5"), None, 50),
        (3, Decimal("1.5"), None, 2),  # 4.5 rounds away from zero, to 5
        (1, Decimal("1.499"), None, 0),
        (0, Decimal(3), None, 0),
        (100, Decimal(1), None, 0),
        (100, None, 7, 7),
        (0, None, 7, 7),
        (10**9, Decimal("1.0000000005"), None, 1),
    ],
)
async def test_the_points_are_those_of_the_terms(
    desk: Desk, base: int, multiplier: Decimal | None, bonus: int | None, points: int
) -> None:
    slip = await accrued_slip(desk, base)
    row = await desk.promote("pit_boss", slip.rating_slip_id, multiplier, bonus)

    assert (row["promo_points_delta"], row["balance_after"]) == (points, base + points)
    assert row["is_existing"] is False
    entry = await entry_of(desk, row["ledger_id"])
    assert (entry["reason"], entry["campaign_id"]) == ("promotion", "spring")
    assert (entry["source_kind"], entry["source_id"]) == ("rating_slip", slip.rating_slip_id)
    assert (entry["visit_id"], entry["staff_id"]) == (slip.visit_id, desk.staff["pit_boss"])
    calc = json.loads(entry["metadata"], parse_float=Decimal)["calc"]
    terms = {"bonus": bonus} if multiplier is None else {"multiplier": multiplier}
    assert calc == {"base_points": base, "points": points} | terms
    assert await whole(desk)


async def test_the_service_applies_promotions_as_well(desk: Desk) -> None:
    slip = await accrued_slip(desk, 100)
    async with scope(desk.service, [desk.casino]):
        row = await desk.service.fetchrow(
            "SELECT * FROM rpc_apply_promotion($1, $2, 'spring', 2, NULL, gen_random_uuid())",
            desk.casino,
            slip.rating_slip_id,
        )
    assert row is not None
    assert row["promo_points_delta"] == 100
    assert (await entry_of(desk, row["ledger_id"]))["staff_id"] is None


async def test_the_same_terms_again_under_any_key_and_spelling_are_the_entry_that_is_there(
    desk: Desk,
) -> None:
    slip, key = await accrued_slip(desk, 100), uuid.uuid4()
    first = await desk.promote("admin", slip.rating_slip_id, Decimal("1.5"), key=key)
    for again_key, multiplier in ((key, "1.50"), (uuid.uuid4(), "1.500")):
        again = await desk.promote(
            "pit_boss", slip.rating_slip_id, Decimal(multiplier), key=again_key
        )
        assert dict(again) == dict(first) | {"is_existing": True}


async def test_other_terms_of_a_campaign_and_another_request_of_a_key_are_conflicts(
    desk: Desk,
) -> None:
    slip, other, key = await accrued_slip(desk), await accrued_slip(desk), uuid.uuid4()
    await desk.promote("admin", slip.rating_slip_id, bonus=5, key=key)

    for request in (
        desk.promote("admin", slip.rating_slip_id, bonus=6),
        desk.promote("admin", slip.rating_slip_id, Decimal(2)),
        desk.promote("admin", other.rating_slip_id, bonus=5, key=key),
        desk.promote("admin", slip.rating_slip_id, bonus=5, key=key, campaign="autumn"),
        desk.promote("admin", uuid.uuid4(), bonus=5, key=key),
    ):
        assert await refusal(request) == "IDEMPOTENCY_CONFLICT"
    autumn = await desk.promote("admin", slip.rating_slip_id, bonus=5, campaign="autumn")
    assert not autumn["is_existing"]


@pytest.mark.parametrize(
    ("multiplier", "bonus", "campaign"),
    [
        (None, None, "spring"),
        (Decimal(2), 5, "spring"),
        (Decimal("0.99"), None, "spring"),
        (Decimal("NaN"), None, "spring"),
        (Decimal("Infinity"), None, "spring"),
        (Decimal(10) ** 19, None, "spring"),
        (None, 0, "spring"),
        (None, -5, "spring"),
        (None, 5, " "),
        (None, 5, None),
    ],
)
async def test_terms_that_are_none_are_refused(
    desk: Desk, multiplier: Decimal | None, bonus: int | None, campaign: str | None
) -> None:
    slip = await accrued_slip(desk)
    request = desk.promote("admin", slip.rating_slip_id, multiplier, bonus, campaign=campaign)
    assert await refusal(request) == "PROMOTION_INVALID"


async def test_points_beyond_the_range_are_refused(desk: Desk) -> None:
    slip = await accrued_slip(desk, 10**6)
    for multiplier, bonus in ((Decimal(10**9), None), (None, 10**12 + 1), (None, 10**12)):
        request = desk.promote("admin", slip.rating_slip_id, multiplier, bonus)
        assert await refusal(request) == "POINTS_OUT_OF_RANGE"


async def test_without_a_base_accrual_it_is_refused_by_what_is_the_matter_with_the_slip(
    desk: Desk,
) -> None:
    for unknown in (uuid.uuid4(), None):
        assert await refusal(desk.promote("admin", unknown, bonus=5)) == "SLIP_NOT_FOUND"
    expected = [
        (slip_worth(desk.casino, 5), "open", "SLIP_NOT_CLOSED"),
        (slip_worth(desk.casino, 5).but(visit_kind=GHOST), "closed", "UNRATED_VISIT"),
        (slip_worth(desk.casino, 5), "closed", "BASE_NOT_ACCRUED"),
    ]
    for slip, status, name in expected:
        await record_slip(desk.superuser, slip, status)
        assert await refusal(desk.promote("admin", slip.rating_slip_id, bonus=5)) == name


async def test_a_reversed_base_takes_no_further_promotion_but_shows_the_one_it_has(
    desk: Desk,
) -> None:
    slip = await accrued_slip(desk, 100)
    first = await desk.promote("admin", slip.rating_slip_id, bonus=5)
    base = await desk.superuser.fetchval(_BASE, desk.casino, slip.rating_slip_id)
    await desk.reverse("admin", base)

    late = desk.promote("admin", slip.rating_slip_id, bonus=5, campaign="autumn")
    assert await refusal(late) == "BASE_REVERSED"
    again = await desk.promote("admin", slip.rating_slip_id, bonus=5)
    assert (again["ledger_id"], again["is_existing"]) == (first["ledger_id"], True)
    await desk.reverse("admin", first["ledger_id"])
    assert slip.player_id is not None
    assert await balance_of(desk, slip.player_id) == (0, 4)


async def test_a_casino_that_accrues_nothing_takes_no_new_promotion(desk: Desk) -> None:
    slip, unaccrued = await accrued_slip(desk, 100), slip_worth(desk.casino, 5)
    await record_slip(desk.superuser, unaccrued)
    first = await desk.promote("admin", slip.rating_slip_id, bonus=5)
    await change_settings(desk, accrual_enabled=False)

    again = await desk.promote("admin", slip.rating_slip_id, bonus=5)
    assert (again["ledger_id"], again["is_existing"]) == (first["ledger_id"], True)
    late = desk.promote("admin", slip.rating_slip_id, bonus=5, campaign="autumn")
    assert await refusal(late) == "ACCRUAL_DISABLED"
    unborn = desk.promote("admin", unaccrued.rating_slip_id, bonus=5)
    assert await refusal(unborn) == "ACCRUAL_DISABLED"
    assert (await post(desk.service, slip))[0].verdict == "duplicate"
