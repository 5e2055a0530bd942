"""What the sweeper finds, what expires, and how long a casino was switched off."""

import asyncio
import uuid
from datetime import timedelta

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlpromotions import (
    AWAITING,
    DISABLED,
    aged,
    award,
    award_rows,
    close,
    park,
    parked,
    releasable,
    release,
    verdicts,
)
from sqlslips import GHOST, Connection, new_slip, post, post_rows, refused, scope
from sqlstaff import Desk, accrued_slip, change_settings
from sqltools import connected

_WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
async def nothing_waits(desk: Desk) -> None:
    """Leave no record of another test behind: the offsets here repeat."""
    await desk.superuser.execute("DELETE FROM parked_event")
    await desk.superuser.execute("DELETE FROM dead_letter")


async def _expire(worker: Connection, *casinos: uuid.UUID, limit: int = 100) -> int:
    async with scope(worker, casinos):
        expired: int = await worker.fetchval("SELECT expire_parked_events($1, $2)", _WEEK, limit)
    return expired


async def test_what_is_found_is_what_has_no_cause_to_wait_any_more(
    desk: Desk, neighbour: Desk
) -> None:
    accrued = await accrued_slip(desk)
    ghost = new_slip(desk.casino, visit_kind=GHOST, player_id=None)
    await post(desk.service, ghost)
    unknown, is_open, not_accrued = (new_slip(desk.casino) for _ in range(3))
    await desk.record("pit_boss", is_open, "open")
    await desk.record("pit_boss", not_accrued)
    elsewhere = await accrued_slip(neighbour)
    slips = (accrued, ghost, unknown, is_open, not_accrued, elsewhere)
    rows = await park(desk.service, *(award(s, offset=n) for n, s in enumerate(slips)))
    assert await releasable(desk.service, desk.casino) == (rows[:2], None)
    assert await releasable(desk.service, desk.casino, neighbour.casino) == (
        [*rows[:2], rows[5]],
        None,
    )

    await change_settings(desk, accrual_enabled=False)
    assert await releasable(desk.service, desk.casino) == ([], None)


async def test_what_waited_for_a_casino_is_found_once_it_is_enabled(desk: Desk) -> None:
    await change_settings(desk, accrual_enabled=False)
    slip = new_slip(desk.casino)
    (first,) = await park(desk.service, slip, cause=DISABLED, offset=1)
    (second,) = await park(desk.service, award(slip, offset=2), cause=DISABLED)
    for kind in ("rating_slip_closed", "promotion"):
        assert await releasable(desk.service, desk.casino, kind=kind) == ([], None)
    await change_settings(desk, accrual_enabled=True)
    found = await releasable(desk.service, desk.casino, kind="rating_slip_closed")
    assert found == ([first], None)
    assert await releasable(desk.service, desk.casino) == ([second], None)


async def test_a_scan_goes_on_where_it_stopped_and_ends(desk: Desk) -> None:
    known, unknown = await accrued_slip(desk), new_slip(desk.casino)
    rows = await park(
        desk.service, *(award(known if n % 4 == 3 else unknown, offset=n) for n in range(10))
    )
    await close(desk.service, (rows[0], "accrued", None))
    found: list[int] = []
    after: int | None = 0
    steps = []
    while after is not None:
        some, after = await releasable(desk.service, desk.casino, after=after, limit=4)
        steps.append(after)
        found += some
    assert found == [rows[3], rows[7]]
    assert steps == [rows[4], rows[8], None]


async def test_the_casinos_of_what_waits_are_found_each_once(desk: Desk) -> None:
    casinos = sorted(uuid.uuid4() for _ in range(4))
    waiting = [
        award(new_slip(casino), offset=3 * number + repeat)
        for number, casino in enumerate(casinos)
        for repeat in range(3)
    ]
    assert await desk.service.fetchval("SELECT waiting_casinos()") == []
    rows = await park(desk.service, *waiting)
    await close(desk.service, *((row, "accrued", None) for row in rows[3:6]))
    expected = [casinos[0], *casinos[2:]]
    for login in ("worker", "operator", "readonly"):
        async with connected(getattr(desk.database, login)) as connection:
            assert await connection.fetchval("SELECT waiting_casinos()") == expected


async def test_a_slip_and_its_promotion_that_miss_each_other_are_found_by_the_sweeper(
    desk: Desk, shared_database: DatabaseUrls
) -> None:
    slip = new_slip(desk.casino)
    one = award(slip)
    async with (
        connected(shared_database.worker) as other,
        scope(desk.service, [desk.casino]),
        scope(other, [desk.casino]),
    ):
        await post_rows(desk.service, [slip])
        assert verdicts(await award_rows(other, [one])) == [refused("BASE_NOT_ACCRUED")]
        (row,) = await park(other, one)
        assert await release(desk.service, slip) == []
    assert await releasable(desk.service, desk.casino) == ([row], None)


async def test_a_release_waits_for_one_who_settles_the_same_row_and_then_leaves_it(
    desk: Desk, shared_database: DatabaseUrls
) -> None:
    slip = await accrued_slip(desk)
    (row,) = await park(desk.service, award(slip))
    async with connected(shared_database.worker) as other:

        async def release_too() -> list[tuple[object, ...]]:
            async with scope(other, [desk.casino]):
                return await release(other, slip)

        async with scope(desk.service, [desk.casino]):
            await close(desk.service, (row, "dead_lettered", "PARKED_EXPIRED"))
            attempt = asyncio.create_task(release_too())
            pid = other.get_server_pid()
            async with asyncio.timeout(10):
                while not await desk.service.fetchval(
                    "SELECT cardinality(pg_blocking_pids($1)) > 0", pid
                ):
                    await asyncio.sleep(0.01)
        assert await attempt == []
    assert (await parked(desk.superuser, row))["outcome"] == "dead_lettered"


async def test_a_slip_that_does_not_come_in_time_makes_a_letter_of_its_promotion(
    desk: Desk,
) -> None:
    ghost = new_slip(desk.casino, visit_kind=GHOST, player_id=None)
    known = await accrued_slip(desk)
    await post(desk.service, ghost)
    unknown = new_slip(desk.casino)
    slips = (unknown, unknown, known, ghost)
    old, fresh, *of_known = await park(
        desk.service, *(award(slip, offset=n) for n, slip in enumerate(slips))
    )
    (disabled,) = await park(desk.service, award(unknown, offset=9), cause=DISABLED)
    for row in (old, *of_known, disabled):
        await aged(desk.superuser, row, _WEEK + timedelta(seconds=1))
    await aged(desk.superuser, fresh, _WEEK - timedelta(hours=1))
    assert await _expire(desk.service) == 0  # out of scope
    assert await _expire(desk.service, desk.casino) == 1
    assert await _expire(desk.service, desk.casino) == 0
    assert (await parked(desk.superuser, old))["outcome"] == "dead_lettered"
    (letter,) = await desk.superuser.fetch("SELECT * FROM dead_letter")
    assert (letter["reason"], letter["status"], letter["sqlstate"]) == (
        "PARKED_EXPIRED",
        "open",
        None,
    )


async def test_no_more_expire_at_once_than_asked_and_the_oldest_first(desk: Desk) -> None:
    rows = await park(
        desk.service, *(award(new_slip(desk.casino), offset=number) for number in range(3))
    )
    for days, row in enumerate(rows):
        await aged(desk.superuser, row, _WEEK + timedelta(days=1 + days))
    assert await _expire(desk.service, desk.casino, limit=2) == 2
    outcomes = [(await parked(desk.superuser, row))["outcome"] for row in rows]
    assert outcomes == [None, "dead_lettered", "dead_lettered"]


async def test_time_during_which_a_casino_was_switched_off_does_not_count(desk: Desk) -> None:
    (row,) = await park(desk.service, award(new_slip(desk.casino)))
    await aged(desk.superuser, row, timedelta(days=10))
    await change_settings(desk, accrual_enabled=False)
    assert await _expire(desk.service, desk.casino) == 0  # while it is off nothing expires
    await change_settings(desk, accrual_enabled=False)  # as it was
    await change_settings(desk, accrual_enabled=True)
    await change_settings(desk, timezone="Europe/Vienna")
    ((paused, resumed),) = await desk.superuser.fetch(
        "SELECT paused_at, resumed_at FROM accrual_pause WHERE casino_id = $1", desk.casino
    )
    assert paused < resumed
    for days, expired in ((4, 0), (2, 1)):
        await desk.superuser.execute(
            "UPDATE accrual_pause SET paused_at = resumed_at - $2::interval WHERE casino_id = $1",
            desk.casino,
            timedelta(days=days),
        )
        assert await _expire(desk.service, desk.casino) == expired


async def test_a_pause_before_the_wait_began_does_not_count_and_one_across_it_counts_in_part(
    desk: Desk,
) -> None:
    before, across, young = await park(
        desk.service, *(award(new_slip(desk.casino), offset=number) for number in range(3))
    )
    await aged(desk.superuser, young, timedelta(days=6))  # none the older for a pause before
    await aged(desk.superuser, before, timedelta(days=8))
    await aged(desk.superuser, across, timedelta(days=11))
    await desk.superuser.execute(
        "INSERT INTO accrual_pause (casino_id, paused_at, resumed_at)"
        " VALUES ($1, now() - interval '20 days', now() - interval '9 days')",
        desk.casino,
    )
    # 8 days without a pause; 11 days of which two were off
    assert await _expire(desk.service, desk.casino) == 2
    assert (await parked(desk.superuser, young))["outcome"] is None
    await desk.superuser.execute("UPDATE parked_event SET outcome = NULL, released_at = NULL")
    await desk.superuser.execute(
        "UPDATE accrual_pause SET resumed_at = now() - interval '6 days' WHERE casino_id = $1",
        desk.casino,
    )
    # 8 days, two off; 11 days, five off
    assert await _expire(desk.service, desk.casino) == 0


async def test_only_the_worker_sweeps(desk: Desk) -> None:
    await park(desk.service, award(new_slip(desk.casino)))
    for login in ("staff_gateway", "token_gateway", "operator", "readonly"):
        async with connected(getattr(desk.database, login)) as connection:
            for query in (
                "SELECT * FROM find_releasable_events('promotion', 0, 10, '{}')",
                "SELECT expire_parked_events(interval '0', 10)",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(query)
    assert await desk.superuser.fetchval("SELECT array_agg(cause) FROM parked_event") == [AWAITING]
