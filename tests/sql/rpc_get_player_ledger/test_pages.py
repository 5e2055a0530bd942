"""Pages of a statement: what they show, in which order, and that nothing is missed or repeated."""

import asyncio
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from sqlslips import post
from sqlstaff import Desk, player_with, refusal, slip_worth

_PAGE = "SELECT * FROM rpc_get_player_ledger($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


async def _page(
    desk: Desk,
    player: uuid.UUID,
    before: int | None = None,
    limit: int | None = 20,
    **filters: Any,  # noqa: ANN401 - any filter of the function
) -> list[asyncpg.Record]:
    names = ("reason", "rating_slip_id", "visit_id", "occurred_from", "occurred_to")
    values = [filters.pop(name, None) for name in names]
    assert not filters
    return await desk.rows("cashier", _PAGE, desk.casino, player, before, limit, *values)


async def _numbers(desk: Desk, player: uuid.UUID, limit: int = 20, **filters: object) -> list[int]:
    """Return the entry numbers of all pages, each continued from the last one of the page."""
    numbers: list[int] = []
    before: int | None = None
    while True:
        rows = await _page(desk, player, before, limit, **filters)
        assert len(rows) <= limit
        numbers += [row["entry_no"] for row in rows]
        if not rows or not rows[-1]["has_more"]:
            return numbers
        assert len(rows) == limit
        before = numbers[-1]


async def test_a_page_shows_the_newest_entries_first_with_all_that_explains_them(
    desk: Desk,
) -> None:
    player = await player_with(desk, 500)
    credit = await desk.credit("admin", player, 20, note="waited long")
    await desk.reverse("admin", credit["ledger_id"])
    rows = await _page(desk, player)

    assert [row["entry_no"] for row in rows] == [3, 2, 1]
    assert [row["balance_after"] for row in rows] == [500, 520, 500]
    assert list(rows[0].keys()) == [
        "id",
        "entry_no",
        "points_delta",
        "balance_after",
        "reason",
        "rating_slip_id",
        "visit_id",
        "staff_id",
        "campaign_id",
        "reversed_ledger_id",
        "source_kind",
        "source_id",
        "note",
        "metadata",
        "gaming_day",
        "occurred_at",
        "created_at",
        "has_more",
    ]
    shown = {name: value for name, value in rows[1].items() if name != "has_more"}
    stored = await desk.superuser.fetchrow(
        "SELECT * FROM loyalty_ledger WHERE id = $1", credit["ledger_id"]
    )
    assert stored is not None
    assert shown == {name: stored[name] for name in shown}


@pytest.mark.parametrize(("entries", "limit"), [(0, 5), (4, 5), (5, 5), (6, 5), (10, 5), (3, 1)])
async def test_has_more_is_true_exactly_where_a_further_page_has_entries(
    desk: Desk, entries: int, limit: int
) -> None:
    player = uuid.uuid4()
    for _ in range(entries):
        await post(desk.service, slip_worth(desk.casino, 1, player))
    rows = await _page(desk, player, limit=limit)
    assert len(rows) == min(entries, limit)
    assert {row["has_more"] for row in rows} == ({entries > limit} if entries else set())
    assert await _numbers(desk, player, limit) == list(range(entries, 0, -1))


async def test_filters_combine_and_each_page_continues_the_one_before(desk: Desk) -> None:
    """Filtered pages against the same filter in Python, over random entries of two players."""
    rng = random.Random(7)
    player, other = uuid.uuid4(), uuid.uuid4()
    visits = [uuid.uuid4() for _ in range(4)]
    slips = []
    for number in range(30):
        slip = slip_worth(desk.casino, 10, rng.choice([player, player, other]))
        closed_at = _NOON + timedelta(minutes=rng.randrange(300))
        slips.append(
            slip.but(
                visit_id=visits[number % 4],
                started_at=closed_at - timedelta(hours=2),
                closed_at=closed_at,
            )
        )
    await post(desk.service, *slips)
    own = [slip for slip in slips if slip.player_id == player]
    for slip in own[:8]:
        await desk.promote("admin", slip.rating_slip_id, bonus=3)
    base = "SELECT id FROM loyalty_ledger WHERE rating_slip_id = $1 AND reason = 'base_accrual'"
    for slip in own[4:6]:
        entry = await desk.superuser.fetchval(base, slip.rating_slip_id)
        await desk.reverse("admin", entry)
    for points in range(1, 6):
        await desk.redeem("admin", player, points)
    entries = await desk.superuser.fetch(
        "SELECT * FROM loyalty_ledger WHERE casino_id = $1 AND player_id = $2", desk.casino, player
    )

    reasons = (None, "base_accrual", "promotion", "redeem", "reversal", "adjustment")
    for reason in reasons:
        for _ in range(12):
            filters: dict[str, Any] = {
                "reason": reason,
                "rating_slip_id": rng.choice([None, None, *(s.rating_slip_id for s in own[3:6])]),
                "visit_id": rng.choice([None, None, *visits]),
                "occurred_from": rng.choice([None, *(row["occurred_at"] for row in entries)]),
                "occurred_to": rng.choice([None, *(row["occurred_at"] for row in entries)]),
            }
            expected = sorted(
                (row["entry_no"] for row in entries if _shown(row, filters)), reverse=True
            )
            assert await _numbers(desk, player, rng.choice([1, 3, 50]), **filters) == expected


def _shown(row: asyncpg.Record, filters: dict[str, Any]) -> bool:
    start, end = filters["occurred_from"], filters["occurred_to"]
    return (
        all(filters[name] in {None, row[name]} for name in ("reason", "rating_slip_id", "visit_id"))
        and (start is None or row["occurred_at"] >= start)
        and (end is None or row["occurred_at"] < end)
    )


async def test_paging_while_entries_are_added_misses_and_repeats_none(desk: Desk) -> None:
    player = uuid.uuid4()
    await post(desk.service, *(slip_worth(desk.casino, 1, player) for _ in range(200)))
    stop = asyncio.Event()

    async def go_on_posting() -> None:
        while not stop.is_set():
            await post(desk.service, *(slip_worth(desk.casino, 1, player) for _ in range(7)))

    posting = asyncio.create_task(go_on_posting())
    try:
        numbers = await _numbers(desk, player, limit=9)
    finally:
        stop.set()
        await posting
    assert numbers == list(range(numbers[0], 0, -1))
    assert numbers[0] >= 200
    newest = "SELECT max(entry_no) FROM loyalty_ledger WHERE player_id = $1"
    assert await desk.superuser.fetchval(newest, player) > numbers[0]


async def test_a_slip_that_was_never_accrued_has_an_empty_page(desk: Desk) -> None:
    player = await player_with(desk, 10)
    assert await _page(desk, player, rating_slip_id=uuid.uuid4()) == []


@pytest.mark.parametrize("limit", [0, -1, 101, None])
async def test_a_page_of_another_size_is_refused(desk: Desk, limit: int | None) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="1 to 100"):
        await _page(desk, uuid.uuid4(), limit=limit)


async def test_a_caller_without_context_learns_nothing_before_the_gate(desk: Desk) -> None:
    request = desk.gateway.fetch("SELECT * FROM rpc_get_player_ledger($1, $1, 1, 0)", desk.casino)
    assert await refusal(request) == "UNAUTHORIZED"
