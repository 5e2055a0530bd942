"""What becomes of promotions that come as events."""

import json
import uuid
from datetime import date
from decimal import Decimal

import asyncpg
import pytest

from sqloracle import LIMIT
from sqlpromotions import (
    AWARDED,
    Promotion,
    accrued,
    award,
    award_rows,
    post_awards,
)
from sqlslips import (
    BY_KEY,
    BY_NATURAL_KEY,
    GHOST,
    REWARD,
    SKIPPED,
    Verdict,
    new_slip,
    post,
    post_rows,
    refused,
    scope,
)
from sqlstaff import (
    Desk,
    accrued_slip,
    balance_of,
    change_settings,
    entry_of,
    refusal,
    slip_worth,
    whole,
)
from sqltools import connected

_BASE = "SELECT id FROM loyalty_ledger WHERE reason = 'base_accrual' AND rating_slip_id = $1"
_CONFLICT = refused("IDEMPOTENCY_CONFLICT")
_WAITS = refused("BASE_NOT_ACCRUED")


async def test_an_entry_says_what_it_is_for_and_whose(desk: Desk) -> None:
    slip = await accrued_slip(desk, 101)
    one = award(slip, multiplier=Decimal("1.50"), bonus=None, offset=7)
    async with scope(desk.service, [desk.casino]):
        (row,) = await award_rows(desk.service, [one])
    entry = await entry_of(desk, row["ledger_id"])
    told = {
        "player_id": slip.player_id,
        "entry_no": 2,
        "points_delta": 51,  # 151.5 rounds up
        "balance_after": 152,
        "reason": "promotion",
        "rating_slip_id": slip.rating_slip_id,
        "source_kind": "rating_slip",
        "source_id": slip.rating_slip_id,
        "visit_id": slip.visit_id,
        "campaign_id": "spring",
        "staff_id": None,
        "idempotency_key": one.key,
        "occurred_at": AWARDED,
        "gaming_day": date(2026, 3, 14),  # a minute before six
    }
    assert {name: entry[name] for name in told} == told
    assert json.loads(entry["metadata"]) == {
        "event": {
            "source": "casino/campaigns",
            "id": "award-7",
            "topic": "promotion",
            "partition": 0,
            "offset": 7,
        },
        "calc": {"base_points": 101, "multiplier": 1.5, "points": 51},
    }
    assert '"multiplier": 1.5,' in entry["metadata"]
    assert slip.player_id is not None
    assert await balance_of(desk, slip.player_id) == (152, 2)


async def test_without_a_time_of_its_own_a_promotion_occurs_when_it_is_posted(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    async with scope(desk.service, [desk.casino]):
        (row,) = await award_rows(desk.service, [award(slip, awarded=None)])
    entry = await entry_of(desk, row["ledger_id"])
    assert entry["occurred_at"] == entry["created_at"]


async def test_what_exists_decides_under_any_key_and_whoever_posted_it(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    one = award(slip)
    assert await post_awards(
        desk.service, one, one, one.but(key=uuid.uuid4()), one.but(bonus=51, key=uuid.uuid4())
    ) == [accrued(50), BY_KEY, BY_NATURAL_KEY, _CONFLICT]
    assert await post_awards(
        desk.service, one, one.but(key=uuid.uuid4()), one.but(bonus=51), one.but(campaign="summer")
    ) == [BY_KEY, BY_NATURAL_KEY, _CONFLICT, _CONFLICT]

    at_the_desk = await desk.promote("pit_boss", slip.rating_slip_id, Decimal(2), campaign="desk")
    again = award(slip, campaign="desk", bonus=None, multiplier=Decimal("2.0"))
    assert await post_awards(desk.service, again) == [BY_NATURAL_KEY]
    told = await desk.promote("pit_boss", slip.rating_slip_id, None, 50, key=one.key)
    assert (told["is_existing"], at_the_desk["is_existing"]) == (True, False)

    await change_settings(desk, accrual_enabled=False)
    base = await desk.superuser.fetchval(_BASE, slip.rating_slip_id)
    await desk.reverse("admin", base)
    assert await post_awards(desk.service, one, one.but(bonus=51)) == [BY_KEY, _CONFLICT]


async def test_a_conflict_names_the_entry_that_it_is_with(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    one = award(slip)
    async with scope(desk.service, [desk.casino]):
        posted, terms, key = await award_rows(
            desk.service, [one, one.but(bonus=51), one.but(campaign="summer")]
        )
    entry = posted["ledger_id"]
    assert terms["detail"] == f"the campaign is on the slip with other terms, entry {entry}"
    assert key["detail"] == f"the key belongs to entry {entry}"


async def test_a_key_that_an_accrual_holds_is_a_conflict(desk: Desk) -> None:
    slip = slip_worth(desk.casino, 100)
    await post(desk.service, slip)
    assert await post_awards(desk.service, award(slip, key=slip.key)) == [_CONFLICT]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"key": None}, "IDEMPOTENCY_REQUIRED"),
        ({"campaign": None}, "PROMOTION_INVALID"),
        ({"campaign": "  "}, "PROMOTION_INVALID"),
        ({"campaign": "ü" * 501}, "PROMOTION_INVALID"),
        ({"bonus": 0}, "PROMOTION_INVALID"),
        ({"bonus": None}, "PROMOTION_INVALID"),
        ({"multiplier": Decimal(2)}, "PROMOTION_INVALID"),
        ({"multiplier": Decimal("0.99"), "bonus": None}, "PROMOTION_INVALID"),
        ({"bonus": LIMIT}, "POINTS_OUT_OF_RANGE"),  # with the base
        ({"bonus": LIMIT + 1}, "POINTS_OUT_OF_RANGE"),
        ({"multiplier": Decimal("1e11"), "bonus": None}, "POINTS_OUT_OF_RANGE"),
    ],
)
async def test_arguments_that_cannot_be_posted_are_refused_and_the_neighbours_post(
    desk: Desk, changes: dict[str, object], name: str
) -> None:
    slip = await accrued_slip(desk)
    wrong = award(slip, campaign="wrong").but(**changes)
    before, after = award(slip, campaign="before"), award(slip, campaign="after")
    assert await post_awards(desk.service, before, wrong, after) == [
        accrued(50),
        refused(name),
        accrued(50),
    ]
    assert await whole(desk)


async def test_a_promotion_waits_for_its_slip_even_if_the_slip_is_open(desk: Desk) -> None:
    unknown, is_open = new_slip(desk.casino), new_slip(desk.casino)
    closed = new_slip(desk.casino)
    await desk.record("pit_boss", is_open, "open")
    await desk.record("pit_boss", closed)
    waiting = [award(slip) for slip in (unknown, is_open, closed)]
    assert await post_awards(desk.service, *waiting) == [_WAITS] * 3
    await change_settings(desk, accrual_enabled=False)
    assert await post_awards(desk.service, *waiting) == [refused("ACCRUAL_DISABLED")] * 3
    assert (
        await desk.superuser.fetchval(
            "SELECT count(*) FROM player_loyalty WHERE casino_id = $1", desk.casino
        )
        == 0
    )


async def test_a_slip_that_earned_nothing_earns_no_promotion_again_and_again(desk: Desk) -> None:
    ghost = new_slip(desk.casino, visit_kind=GHOST, player_id=None)
    reward = new_slip(desk.casino, visit_kind=REWARD)
    await post(desk.service, ghost, reward)
    awards = [award(ghost), award(reward)]
    assert await post_awards(desk.service, *awards, *awards) == [SKIPPED] * 4
    await change_settings(desk, accrual_enabled=False)
    assert await post_awards(desk.service, *awards) == [SKIPPED] * 2


async def test_a_reversed_accrual_carries_no_promotion(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    await desk.reverse("admin", await desk.superuser.fetchval(_BASE, slip.rating_slip_id))
    assert await post_awards(desk.service, award(slip)) == [refused("BASE_REVERSED")]


async def test_a_casino_that_nobody_provisioned_is_refused(desk: Desk) -> None:
    stranger = new_slip(uuid.uuid4())
    assert (
        await post_awards(desk.service, award(stranger), award(stranger, key=None))
        == [refused("CASINO_UNKNOWN")] * 2
    )


async def test_a_multiplier_of_one_posts_an_entry_of_no_points(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    one = award(slip, multiplier=Decimal(1), bonus=None)
    assert await post_awards(desk.service, one, one) == [accrued(0), BY_KEY]


async def test_accruals_and_promotions_of_one_player_chain_in_one_transaction(desk: Desk) -> None:
    first = slip_worth(desk.casino, 100)
    second = slip_worth(desk.casino, 10, first.player_id)
    async with scope(desk.service, [desk.casino]):
        await post_rows(desk.service, [first])
        await award_rows(desk.service, [award(first), award(first, campaign="summer", bonus=7)])
        await post_rows(desk.service, [second])
        await award_rows(desk.service, [award(second, bonus=1), award(first, campaign="x")])
    assert first.player_id is not None
    assert await balance_of(desk, first.player_id) == (218, 6)
    assert await whole(desk)


async def test_nothing_to_post_is_no_row(desk: Desk) -> None:
    assert await post_awards(desk.service) == []


async def test_only_the_worker_posts_promotions_and_only_in_its_scope(
    desk: Desk, neighbour: Desk
) -> None:
    slip = await accrued_slip(desk)
    one: Promotion = award(slip)
    for login in ("operator", "readonly", "staff_gateway", "token_gateway"):
        async with connected(getattr(desk.database, login)) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await award_rows(connection, [one])
    async with scope(desk.service, [neighbour.casino]):
        assert await refusal(award_rows(desk.service, [one])) == "CASINO_MISMATCH"
    assert await refusal(award_rows(desk.service, [one])) == "UNAUTHORIZED"


async def test_the_worst_batch_is_one_player_and_still_one_entry_after_the_other(
    desk: Desk,
) -> None:
    slip = await accrued_slip(desk)
    awards = [award(slip, campaign=f"campaign {n}", bonus=n + 1) for n in range(300)]
    expected: list[Verdict] = [accrued(n + 1) for n in range(300)]
    assert await post_awards(desk.service, *awards) == expected
    assert slip.player_id is not None
    assert await balance_of(desk, slip.player_id) == (100 + 300 * 301 // 2, 301)
    assert await whole(desk)
