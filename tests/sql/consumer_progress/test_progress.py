"""A partition's position: created once, advanced, never lowered, and its counts conserved."""

import hashlib

import asyncpg
import pytest

from sqlslips import Connection

_AT = ("loyalty-accrual", "rating-slip-closed", 3)
_OPEN = "SELECT * FROM open_consumer_progress($1, $2, $3, $4, $5)"
_READ = "SELECT * FROM read_consumer_progress($1, $2, $3)"
_LOCK = "SELECT * FROM lock_consumer_progress($1, $2, $3)"
_ADVANCE = (
    "SELECT advance_consumer_progress($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
_HASH = hashlib.sha256(b"record").digest()


async def _advance(
    worker: Connection,
    next_offset: int,
    *,
    counts: tuple[int, int, int, int, int, int],
    last: int | None = None,
    generation: int = 1,
) -> None:
    record_hash = None if last is None else _HASH
    await worker.execute(_ADVANCE, *_AT, generation, next_offset, last, record_hash, *counts)


async def test_a_partition_begins_where_it_is_opened_and_has_no_last_record(
    worker: Connection,
) -> None:
    assert await worker.fetchrow(_READ, *_AT) is None
    assert await worker.fetchrow(_LOCK, *_AT) is None

    opened = await worker.fetchrow(_OPEN, *_AT, None, 100)
    assert opened is not None
    assert dict(opened) == {
        "generation": 1,
        "first_offset": 100,
        "next_offset": 100,
        "last_record_offset": None,
        "last_record_hash": None,
    }
    assert await worker.fetchrow(_READ, *_AT) == opened
    assert await worker.fetchrow(_LOCK, *_AT) == opened


async def test_an_advance_moves_the_position_and_adds_the_counts(
    worker: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 100)
    await _advance(worker, 110, counts=(4, 3, 0, 0, 2, 1), last=109)
    await _advance(worker, 121, counts=(5, 1, 1, 1, 2, 1), last=119)

    row = await superuser.fetchrow("SELECT * FROM consumer_progress")
    assert row is not None
    assert (row["first_offset"], row["next_offset"], row["last_record_offset"]) == (100, 121, 119)
    names = ("accrued", "duplicate", "skipped", "parked", "dead_lettered", "without_record")
    assert [row[name] for name in names] == [9, 4, 1, 1, 4, 2]
    assert row["last_record_hash"] == _HASH


async def test_a_batch_without_a_record_keeps_the_last_record(
    worker: Connection,
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    await _advance(worker, 1, counts=(1, 0, 0, 0, 0, 0), last=0)
    await _advance(worker, 5, counts=(0, 0, 0, 0, 0, 4))

    row = await worker.fetchrow(_READ, *_AT)
    assert row is not None
    assert (row["next_offset"], row["last_record_offset"]) == (5, 0)
    assert row["last_record_hash"] == _HASH


@pytest.mark.parametrize(
    ("next_offset", "counts"),
    [
        (10, (9, 0, 0, 0, 0, 0)),  # one offset unaccounted for
        (10, (11, 0, 0, 0, 0, 0)),  # one counted twice
        (10, (11, -1, 0, 0, 0, 0)),
        (0, (5, 0, 0, 0, 0, 0)),  # the same batch again
    ],
)
async def test_counts_that_do_not_add_up_to_the_offsets_passed_are_refused(
    worker: Connection, next_offset: int, counts: tuple[int, int, int, int, int, int]
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    with pytest.raises(asyncpg.CheckViolationError):
        await _advance(worker, next_offset, counts=counts)


async def test_a_late_advance_changes_nothing(worker: Connection) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    await _advance(worker, 10, counts=(10, 0, 0, 0, 0, 0), last=9)
    before = await worker.fetchrow(_READ, *_AT)
    await _advance(worker, 5, counts=(0, 0, 0, 0, 0, 0), last=4)

    assert await worker.fetchrow(_READ, *_AT) == before


@pytest.mark.parametrize("generation", [0, 1, 3])
async def test_a_generation_that_is_not_current_cannot_be_advanced(
    worker: Connection, generation: int
) -> None:
    await worker.execute(_OPEN, *_AT, None, 0)
    await worker.execute(_OPEN, *_AT, 1, 0)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not current"):
        await _advance(worker, 1, counts=(1, 0, 0, 0, 0, 0), generation=generation)


async def test_positions_of_other_groups_topics_and_partitions_are_their_own(
    worker: Connection,
) -> None:
    group, topic, partition = _AT
    others = [("other", topic, partition), (group, "other", partition), (group, topic, 4)]
    for start, at in enumerate([_AT, *others]):
        await worker.execute(_OPEN, *at, None, start)
    await _advance(worker, 7, counts=(7, 0, 0, 0, 0, 0))

    for start, at in enumerate(others, start=1):
        assert await worker.fetchval(f"SELECT next_offset FROM ({_READ}) AS p", *at) == start  # noqa: S608 - constant
