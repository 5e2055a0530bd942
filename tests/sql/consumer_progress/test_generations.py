"""Two workers and a topic that is created again."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
from sqltools import connected

_AT = ("loyalty-accrual", "rating-slip-closed", 0)
_OPEN = "SELECT * FROM open_consumer_progress($1, $2, $3, $4, $5)"
_READ = "SELECT * FROM read_consumer_progress($1, $2, $3)"
_LOCK = "SELECT * FROM lock_consumer_progress($1, $2, $3)"


@pytest.fixture
async def other(database: DatabaseUrls) -> AsyncIterator[Connection]:
    """A second worker."""
    async with connected(database.worker) as connection:
        yield connection


async def _until_waiting(watcher: Connection, other: Connection) -> None:
    pid = other.get_server_pid()
    while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
        await asyncio.sleep(0.01)


async def test_a_new_generation_closes_the_one_before_and_keeps_its_counts(
    worker: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 5)
    opened = await worker.fetchrow(_OPEN, *_AT, 1, 0)

    assert opened is not None
    assert (opened["generation"], opened["first_offset"], opened["next_offset"]) == (2, 0, 0)
    rows = await superuser.fetch(
        "SELECT generation, first_offset, closed_at IS NULL FROM consumer_progress ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [(1, 5, False), (2, 0, True)]


@pytest.mark.parametrize("after", [None, 1])
async def test_of_two_workers_that_open_at_once_one_wins_and_both_see_its_row(
    worker: Connection, other: Connection, superuser: Connection, after: int | None
) -> None:
    if after is not None:
        await worker.execute(_OPEN, *_AT, None, 0)
    async with worker.transaction():
        first = await worker.fetchrow(_OPEN, *_AT, after, 10)
        attempt = asyncio.create_task(other.fetchrow(_OPEN, *_AT, after, 20))
        await _until_waiting(superuser, other)
    second = await attempt

    assert first == second
    assert first is not None
    assert (first["generation"], first["first_offset"]) == ((after or 0) + 1, 10)


async def test_where_the_faster_worker_gives_up_the_other_opens(
    worker: Connection, other: Connection, superuser: Connection
) -> None:
    transaction = worker.transaction()
    await transaction.start()
    await worker.execute(_OPEN, *_AT, None, 10)
    attempt = asyncio.create_task(other.fetchrow(_OPEN, *_AT, None, 20))
    await _until_waiting(superuser, other)
    await transaction.rollback()

    row = await attempt
    assert row is not None
    assert row["first_offset"] == 20


async def test_who_opens_after_an_old_generation_gets_the_current_one_and_changes_nothing(
    worker: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    await worker.execute(_OPEN, *_AT, 1, 0)
    current = await worker.fetchrow(_OPEN, *_AT, 2, 7)
    before = await superuser.fetch("SELECT * FROM consumer_progress ORDER BY generation")

    assert await worker.fetchrow(_OPEN, *_AT, 1, 99) == current
    assert await worker.fetchrow(_OPEN, *_AT, None, 99) == current
    after = await superuser.fetch("SELECT * FROM consumer_progress ORDER BY generation")
    assert after == before


async def test_a_zombie_that_waited_for_a_generation_that_was_closed_gets_no_row(
    worker: Connection, other: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    async with worker.transaction():
        await worker.execute(_OPEN, *_AT, 1, 0)
        attempt = asyncio.create_task(other.fetchrow(_LOCK, *_AT))
        await _until_waiting(superuser, other)
    assert await attempt is None

    current = await other.fetchrow(_LOCK, *_AT)
    assert current is not None
    assert current["generation"] == 2


async def test_a_second_worker_waits_for_the_position_until_the_first_commits(
    worker: Connection, other: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    async with worker.transaction():
        await worker.execute(_LOCK, *_AT)
        attempt = asyncio.create_task(other.fetchrow(_LOCK, *_AT))
        await _until_waiting(superuser, other)
        await worker.execute(
            "SELECT advance_consumer_progress($1, $2, $3, 1, 4, 3, sha256(''), 4, 0, 0, 0, 0, 0)",
            *_AT,
        )
    row = await attempt
    assert row is not None
    assert row["next_offset"] == 4


async def test_a_generation_cannot_follow_one_that_never_was(worker: Connection) -> None:
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="no current generation"):
        await worker.execute(_OPEN, *_AT, 1, 0)
    assert await worker.fetchrow(_READ, *_AT) is None


async def test_where_the_current_row_is_gone_the_count_begins_under_a_generation_never_used(
    worker: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    await worker.execute(_OPEN, *_AT, 1, 0)
    await worker.execute(_OPEN, *_AT, 2, 0)
    await superuser.execute("DELETE FROM consumer_progress WHERE generation = 3")

    opened = await worker.fetchrow(_OPEN, *_AT, None, 7)

    assert opened is not None
    assert (opened["generation"], opened["first_offset"]) == (3, 7)
