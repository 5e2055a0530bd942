"""Open letters as redrive reads them, and what it makes of them."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlletters import TOPIC, VALUE, copy_pending, file_letters, redriven
from sqlslips import Connection
from sqltools import connected

_OPEN = "SELECT * FROM open_letters($1, $2, $3, $4, $5, $6, $7)"
_DISCARD = "SELECT discard_letters($1, $2)"


async def _open(
    connection: Connection,
    after: int = 0,
    limit: int = 100,
    **narrowed: Any,  # noqa: ANN401
) -> list[int]:
    names = ("ids", "topic", "reason", "casino_id", "since")
    rows = await connection.fetch(_OPEN, after, limit, *(narrowed.get(name) for name in names))
    return [row["id"] for row in rows]


async def test_open_letters_come_by_id_in_pages_with_their_bytes(worker: Connection) -> None:
    letters = await file_letters(worker, 9, 8, 7)

    assert await _open(worker, 0, 2) == letters[:2]
    assert await _open(worker, letters[1]) == letters[2:]
    assert await _open(worker, letters[2]) == []
    row = await worker.fetchrow(_OPEN, 0, 1, None, None, None, None, None)
    assert row is not None
    assert (row["topic"], row["partition"], row["offset"]) == (TOPIC, 0, 7)
    assert (row["key"], row["value"]) == (None, VALUE)


async def test_letters_are_narrowed_by_what_is_given_and_all_of_it(
    worker: Connection, readonly: Connection, operator: Connection
) -> None:
    first, second = await file_letters(worker, 1, 2)
    (third,) = await file_letters(worker, 1, topic="promotion", reason="EVENT_ID_MISSING")
    filed = await worker.fetchval("SELECT occurred_at FROM dead_letter WHERE id = $1", second)

    for connection in (worker, readonly, operator):
        assert await _open(connection, ids=[second, third]) == [second, third]
    assert await _open(worker, topic="promotion") == [third]
    assert await _open(worker, reason="EVENT_UNDECODABLE") == [first, second]
    assert await _open(worker, casino_id=uuid.UUID(int=1)) == [first, third]
    assert await _open(worker, since=filed + timedelta(microseconds=1)) == [third]
    assert await _open(worker, since=filed) == [first, second, third]
    assert await _open(worker, casino_id=uuid.UUID(int=1), topic=TOPIC) == [first]
    assert await _open(worker, ids=[]) == []


@pytest.mark.parametrize("outcome", ["accrued", "duplicate", "skipped", "parked"])
async def test_a_letter_whose_record_came_to_something_is_redriven(
    worker: Connection, outcome: str
) -> None:
    (letter,) = await file_letters(worker, 1)
    await copy_pending(worker)
    await redriven(worker, (letter, outcome))

    row = await worker.fetchrow("SELECT * FROM dead_letter")
    assert row is not None
    assert (row["status"], row["redrives"], row["attempts"]) == ("redriven", 1, 1)
    assert (row["closed_at"] is not None, row["copied_at"] is not None) == (True, True)
    assert row["reason"] == "EVENT_UNDECODABLE"
    assert await _open(worker) == []


async def test_a_letter_refused_again_stays_open_with_the_new_reason_and_is_copied_anew(
    worker: Connection,
) -> None:
    letters = await file_letters(worker, 1, 2)
    await copy_pending(worker)
    await redriven(worker, (letters[1], "accrued"), (letters[0], "dead_lettered"))

    row = await worker.fetchrow("SELECT * FROM dead_letter WHERE id = $1", letters[0])
    assert row is not None
    assert (row["status"], row["redrives"], row["attempts"]) == ("open", 1, 2)
    assert (row["reason"], row["detail"], row["sqlstate"]) == (
        "LOYALTY_FACTS_CONFLICT",
        "other facts",
        "LY007",
    )
    assert row["last_attempt_at"] > row["occurred_at"]
    assert [row["redrives"] for row in await worker.fetch("SELECT * FROM pending_copies(9)")] == [1]


@pytest.mark.parametrize("closed", ["redriven", "missing"])
async def test_where_one_letter_is_open_no_more_none_is_closed(
    worker: Connection, closed: str
) -> None:
    letters = await file_letters(worker, 1, 2)
    gone = letters[1] if closed == "redriven" else letters[1] + 1
    if closed == "redriven":
        await redriven(worker, (gone, "accrued"))
    with pytest.raises(asyncpg.SerializationError, match="1 of 2 letters"):
        await redriven(worker, (letters[0], "accrued"), (gone, "accrued"))
    assert letters[0] in await _open(worker)


async def test_of_two_redrives_of_one_letter_the_second_waits_and_is_told_to_begin_again(
    worker: Connection, database: DatabaseUrls, superuser: Connection
) -> None:
    letters = await file_letters(worker, 1, 2)
    async with connected(database.worker) as second:
        async with worker.transaction():
            await redriven(worker, *((letter, "accrued") for letter in letters))
            attempt = asyncio.create_task(
                redriven(second, *((letter, "accrued") for letter in reversed(letters)))
            )
            pid = second.get_server_pid()
            while not await superuser.fetchval("SELECT pg_blocking_pids($1) <> '{}'", pid):
                await asyncio.sleep(0.01)
        with pytest.raises(asyncpg.SerializationError):
            await attempt
    assert await superuser.fetchval("SELECT sum(redrives) FROM dead_letter") == 2


async def test_only_the_worker_closes_what_was_redriven(
    worker: Connection, operator: Connection, readonly: Connection
) -> None:
    (letter,) = await file_letters(worker, 1)
    for connection in (operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await redriven(connection, (letter, "accrued"))
