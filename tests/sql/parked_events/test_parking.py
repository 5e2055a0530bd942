"""Events that wait, what settles them, and what a person may see of them."""

import json
import uuid

import asyncpg
import pytest

from sqlpromotions import (
    AWAITING,
    AWARDED,
    DISABLED,
    HEADERS,
    KEY,
    VALUE,
    award,
    close,
    park,
    parked,
    post_awards,
    release,
)
from sqlslips import BY_KEY, GHOST, new_slip, post_rows, scope
from sqlstaff import Desk, accrued_slip, change_settings, slip_worth, whole
from sqltools import connected

_LETTER = "SELECT * FROM dead_letter WHERE casino_id = $1"
_BASE = "SELECT id FROM loyalty_ledger WHERE reason = 'base_accrual' AND rating_slip_id = $1"
_GONE = "UPDATE parked_event SET key = NULL, value = NULL, headers = '[]', purged_at = now()"


@pytest.fixture(autouse=True)
async def nothing_waits(desk: Desk) -> None:
    """Leave no record of another test behind: the offsets here repeat."""
    await desk.superuser.execute("DELETE FROM parked_event")
    await desk.superuser.execute("DELETE FROM dead_letter")


async def test_an_event_is_kept_byte_for_byte_with_what_posting_needs(desk: Desk) -> None:
    one = award(new_slip(desk.casino), offset=5)
    (row,) = await park(desk.service, one)
    kept = await parked(desk.superuser, row)
    told = {
        "topic": "promotion",
        "partition": 0,
        "offset": 5,
        "broker_timestamp": AWARDED,
        "key": KEY,
        "value": VALUE,
        "kind": "promotion",
        "cause": AWAITING,
        "casino_id": one.casino_id,
        "rating_slip_id": one.rating_slip_id,
        "campaign_id": "spring",
        "bonus_points": 50,
        "promo_multiplier": None,
        "idempotency_key": one.key,
        "occurred_at": AWARDED,
        "outcome": None,
    }
    assert {name: kept[name] for name in told} == told
    assert json.loads(kept["headers"]) == HEADERS


async def test_a_record_that_waits_already_stays_as_it_is(desk: Desk) -> None:
    one = award(new_slip(desk.casino))
    (row,) = await park(desk.service, one)
    before = await parked(desk.superuser, row)
    assert await park(desk.service, one, cause=DISABLED) == [row]
    assert await parked(desk.superuser, row) == before


async def test_a_record_that_was_settled_and_is_parked_anew_waits_again_with_its_bytes(
    desk: Desk,
) -> None:
    one = award(new_slip(desk.casino))
    (row,) = await park(desk.service, one)
    await close(desk.service, (row, "accrued", None))
    await desk.superuser.execute(_GONE)
    await park(desk.service, one, cause=DISABLED)
    again = await parked(desk.superuser, row)
    assert (again["outcome"], again["released_at"], again["cause"]) == (None, None, DISABLED)
    assert (again["key"], again["value"], again["purged_at"]) == (KEY, VALUE, None)
    assert json.loads(again["headers"]) == HEADERS


async def test_an_accrual_posts_what_waits_for_its_slip_in_the_order_in_which_it_came(
    desk: Desk,
) -> None:
    slip, other = slip_worth(desk.casino, 100), new_slip(desk.casino)
    late, early = award(slip, offset=1, campaign="b"), award(slip, offset=2, campaign="a")
    again = late.but(offset=3, key=uuid.uuid4())
    another = award(other, offset=4)
    rows = [(await park(desk.service, one))[0] for one in (late, early, again, another)]
    async with scope(desk.service, [desk.casino]):
        await post_rows(desk.service, [slip])
        settled = await release(desk.service, slip)
    assert settled == [
        ("accrued", None, None, 50),
        ("accrued", None, None, 50),
        ("duplicate", "natural_key", None, 0),
    ]
    entries = await desk.superuser.fetch(
        "SELECT campaign_id, metadata -> 'event' ->> 'offset', occurred_at FROM loyalty_ledger"
        " WHERE rating_slip_id = $1 ORDER BY entry_no",
        slip.rating_slip_id,
    )
    assert [tuple(entry) for entry in entries[1:]] == [("b", "1", AWARDED), ("a", "2", AWARDED)]
    outcomes = [(await parked(desk.superuser, row))["outcome"] for row in rows]
    assert outcomes == ["accrued", "accrued", "duplicate", None]
    assert await whole(desk)


async def test_a_slip_that_earns_nothing_settles_what_waits_as_skipped(desk: Desk) -> None:
    ghost = new_slip(desk.casino, visit_kind=GHOST, player_id=None)
    (row,) = await park(desk.service, award(ghost))
    async with scope(desk.service, [desk.casino]):
        await post_rows(desk.service, [ghost])
        assert await release(desk.service, ghost) == [("skipped", None, None, 0)]
        assert await release(desk.service, ghost) == []
    kept = await parked(desk.superuser, row)
    assert kept["outcome"] == "skipped"
    assert kept["released_at"] is not None


async def test_a_refusal_at_release_becomes_a_letter_of_the_same_record(desk: Desk) -> None:
    slip = slip_worth(desk.casino, 100)
    one = award(slip, offset=1)
    other_terms = award(slip, offset=2, bonus=51)
    (_, row) = await park(desk.service, one, other_terms)
    async with scope(desk.service, [desk.casino]):
        await post_rows(desk.service, [slip])
        settled = await release(desk.service, slip)
    assert settled[1] == ("dead_lettered", None, "LOYALTY_IDEMPOTENCY_CONFLICT", 0)
    (letter,) = await desk.superuser.fetch(_LETTER, desk.casino)
    kept = await parked(desk.superuser, row)
    assert kept["outcome"] == "dead_lettered"
    for column in (
        *("topic", "partition", "offset", "broker_timestamp", "record_hash", "consumer_group"),
        *("key", "value", "headers", "event_source", "event_id", "casino_id"),
    ):
        assert letter[column] == kept[column]
    assert (letter["status"], letter["reason"]) == ("open", "LOYALTY_IDEMPOTENCY_CONFLICT")
    assert letter["detail"].startswith("the campaign is on the slip with other terms")
    assert letter["sqlstate"].startswith("LY")


async def test_a_release_leaves_what_must_wait_on(desk: Desk) -> None:
    unknown = new_slip(desk.casino)
    slip = await accrued_slip(desk)
    await change_settings(desk, accrual_enabled=False)
    rows = await park(desk.service, award(unknown, offset=1), award(slip, offset=2), cause=DISABLED)
    async with scope(desk.service, [desk.casino]):
        assert await release(desk.service, unknown, slip) == []
    assert [(await parked(desk.superuser, row))["outcome"] for row in rows] == [None, None]


async def test_slips_that_wait_are_not_released_as_promotions(desk: Desk) -> None:
    slip = new_slip(desk.casino)
    (row,) = await park(desk.service, slip, cause=DISABLED)
    async with scope(desk.service, [desk.casino]):
        await post_rows(desk.service, [slip])
        assert await release(desk.service, slip) == []
    assert (await parked(desk.superuser, row))["outcome"] is None


async def test_a_promotion_of_a_reversed_slip_is_refused_at_release(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    await park(desk.service, award(slip))
    await desk.reverse("admin", await desk.superuser.fetchval(_BASE, slip.rating_slip_id))
    async with scope(desk.service, [desk.casino]):
        assert await release(desk.service, slip) == [
            ("dead_lettered", None, "LOYALTY_BASE_REVERSED", 0)
        ]


async def test_what_was_posted_meanwhile_is_released_as_a_duplicate(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    one = award(slip)
    await park(desk.service, one)
    await post_awards(desk.service, one)
    async with scope(desk.service, [desk.casino]):
        assert await release(desk.service, slip) == [("duplicate", "key", None, 0)]
    assert await post_awards(desk.service, one) == [BY_KEY]


async def test_an_outcome_is_final_and_a_new_cause_counts_from_now(desk: Desk) -> None:
    slip = new_slip(desk.casino)
    settled, changed, same = await park(
        desk.service, *(award(slip, offset=n) for n in range(3)), cause=DISABLED
    )
    await desk.superuser.execute("UPDATE parked_event SET waiting_since = '2026-01-01'")
    await close(desk.service, (settled, "duplicate", None))
    before = await parked(desk.superuser, settled)
    await close(
        desk.service,
        (same, "parked", DISABLED),
        (changed, "parked", AWAITING),
        (settled, "dead_lettered", "LOYALTY_BASE_REVERSED"),
    )
    assert await parked(desk.superuser, settled) == before
    assert await desk.superuser.fetch(_LETTER, desk.casino) == []
    waits = await parked(desk.superuser, changed)
    assert (waits["outcome"], waits["cause"]) == (None, AWAITING)
    assert waits["waiting_since"] > waits["parked_at"]
    waits = await parked(desk.superuser, same)
    assert (waits["cause"], waits["waiting_since"].year, waits["waiting_since"].month) == (
        DISABLED,
        2026,
        1,
    )


@pytest.mark.parametrize(
    ("status", "becomes"),
    [("resolved", "open"), ("redriven", "open"), ("discarded", "discarded"), ("open", "open")],
)
async def test_a_letter_of_a_record_that_came_to_wait_is_open_again_unless_it_was_discarded(
    desk: Desk, status: str, becomes: str
) -> None:
    (row,) = await park(desk.service, award(new_slip(desk.casino)))
    await close(desk.service, (row, "dead_lettered", "LOYALTY_BASE_REVERSED"))
    await desk.superuser.execute(
        "UPDATE dead_letter SET status = $1::text, copied_at = now(), key = NULL, value = NULL,"
        " closed_at = CASE WHEN $1::text <> 'open' THEN now() END",
        status,
    )
    await park(desk.service, award(new_slip(desk.casino)))
    await close(desk.service, (row, "dead_lettered", "PARKED_EXPIRED"))
    (letter,) = await desk.superuser.fetch("SELECT * FROM dead_letter")
    assert (letter["status"], letter["reason"]) == (becomes, "PARKED_EXPIRED")
    assert (letter["attempts"], letter["copied_at"], letter["value"]) == (2, None, VALUE)
    assert (letter["closed_at"] is None) == (becomes == "open")


async def test_gateways_see_nothing_that_waits_and_only_the_worker_settles(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    (row,) = await park(desk.service, award(slip))
    for login in ("staff_gateway", "token_gateway", "operator", "readonly"):
        async with connected(getattr(desk.database, login)) as connection:
            for forbidden in (
                park(connection, award(slip)),
                close(connection, (row, "accrued", None)),
                release(connection, slip),
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await forbidden
    for login in ("staff_gateway", "token_gateway"):
        async with connected(getattr(desk.database, login)) as connection:
            for table in ("parked_event", "accrual_pause"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 - our tables
    for login in ("operator", "readonly"):
        async with connected(getattr(desk.database, login)) as connection:
            assert await connection.fetchval("SELECT count(*) FROM parked_event") == 1
    # without a scope nothing is posted, also where something waits
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED"):
        await release(desk.service, slip)
