"""Letters whose copy is due: read by the relay, and marked once the broker has them."""

import json
from typing import Any

import asyncpg
import pytest

from sqlletters import (
    GROUP,
    HEADERS,
    TIMESTAMP,
    TOPIC,
    VALUE,
    copy_pending,
    file_letters,
    hash_of,
    quarantine,
    redriven,
)
from sqlslips import Connection

_PENDING = "SELECT * FROM pending_copies($1)"
_MARK = "SELECT mark_copied($1)"


async def test_a_new_letter_is_due_with_all_that_its_copy_says(worker: Connection) -> None:
    (letter,) = await file_letters(worker, 7, partition=3)

    (row,) = await worker.fetch(_PENDING, 10)
    assert dict(row) | {"headers": json.loads(row["headers"])} == {
        "id": letter,
        "topic": TOPIC,
        "partition": 3,
        "offset": 7,
        "broker_timestamp": TIMESTAMP,
        "record_hash": hash_of("7"),
        "key": None,
        "value": VALUE,
        "headers": HEADERS,
        "reason": "EVENT_UNDECODABLE",
        "detail": None,
        "sqlstate": "LY007",
        "consumer_group": GROUP,
        "event_source": "source",
        "event_id": "id",
        "redrives": 0,
    }


async def test_many_copies_of_one_topic_hold_up_none_of_another(worker: Connection) -> None:
    first = await file_letters(worker, 1, 2, 3)
    other = await file_letters(worker, 1, 2, topic="a topic before")
    behind = await file_letters(worker, 1, topic=f"{TOPIC} behind")
    pending = [row["id"] for row in await worker.fetch(_PENDING, 2)]
    assert pending == sorted([*first[:2], *other, *behind])


@pytest.mark.parametrize(
    "part",
    [
        {"value": bytes(9 * 1024 * 1024)},
        {"key": bytes(9 * 1024 * 1024)},
        {"headers": [["YQ==", "A" * 9 * 1024 * 1024]]},
    ],
    ids=["value", "key", "headers"],
)
async def test_copies_that_are_read_at_once_are_bounded_by_their_bytes(
    worker: Connection, part: dict[str, Any]
) -> None:
    large = await file_letters(worker, 1, 2, 3, **part)
    small = await file_letters(worker, 1, 2, topic="another topic")
    pending = [row["id"] for row in await worker.fetch(_PENDING, 10)]
    assert pending == [*large[:2], *small]
    await worker.execute(_MARK, large[:2])
    assert [row["id"] for row in await worker.fetch(_PENDING, 10)] == [large[2], *small]


async def test_the_oldest_come_first_and_what_is_marked_comes_no_more(worker: Connection) -> None:
    letters = await file_letters(worker, 5, 6, 7, 8)

    first = [row["id"] for row in await worker.fetch(_PENDING, 2)]
    assert first == letters[:2]
    assert [row["id"] for row in await worker.fetch(_PENDING, 2)] == first
    await worker.execute(_MARK, first)
    assert await copy_pending(worker) == letters[2:]
    assert await worker.fetch(_PENDING, 10) == []


async def test_a_letter_that_was_never_read_is_not_marked(worker: Connection) -> None:
    letters = await file_letters(worker, 5)
    await worker.execute(_MARK, letters)
    assert await copy_pending(worker) == letters


async def test_a_letter_refused_again_between_reading_and_marking_stays_due(
    worker: Connection, operator: Connection
) -> None:
    letters = await file_letters(worker, 5, 6, 7)
    read = [row["id"] for row in await worker.fetch(_PENDING, 10)]
    await redriven(worker, (letters[0], "dead_lettered"))
    assert await quarantine(operator, 6) == letters[1]
    await worker.execute(_MARK, read)

    rows = await worker.fetch(_PENDING, 10)
    assert [(row["id"], row["reason"]) for row in rows] == [
        (letters[0], "LOYALTY_FACTS_CONFLICT"),
        (letters[1], "QUARANTINED"),
    ]
    await worker.execute(_MARK, letters)
    assert await worker.fetch(_PENDING, 10) == []


async def test_a_letter_that_is_redriven_before_its_copy_was_published_is_copied_all_the_same(
    worker: Connection,
) -> None:
    letters = await file_letters(worker, 5)
    await redriven(worker, (letters[0], "accrued"))
    assert await copy_pending(worker) == letters


async def test_reading_what_is_due_again_and_again_writes_nothing(
    worker: Connection, superuser: Connection
) -> None:
    await file_letters(worker, 5)
    await worker.fetch(_PENDING, 10)
    version = await superuser.fetchval("SELECT xmin::text FROM dead_letter")
    await worker.fetch(_PENDING, 10)
    assert await superuser.fetchval("SELECT xmin::text FROM dead_letter") == version


async def test_only_the_worker_copies(operator: Connection, readonly: Connection) -> None:
    for connection in (operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(_PENDING, 1)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(_MARK, [1])
