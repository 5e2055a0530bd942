"""Records that a person set aside, as a batch meets them; at the price of a probe."""

import json
from collections import Counter

import asyncpg
import pytest

from sqlletters import GROUP, TOPIC, file_letters, hash_of, quarantine, redriven
from sqlslips import Connection

_OBSTACLES = "SELECT * FROM batch_obstacles($1, $2, $3, $4, $5)"
_READ = """
    SELECT c.relname, pg_stat_get_xact_tuples_returned(c.oid)
    FROM pg_class AS c
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    JOIN pg_class AS t ON t.oid = coalesce(i.indrelid, c.oid)
    WHERE t.relname IN ('dead_letter', 'consumer_halt')
"""


async def _set_aside(
    worker: Connection, start: int, end: int, partition: int = 0
) -> list[tuple[int, bytes]]:
    row = await worker.fetchrow(_OBSTACLES, GROUP, TOPIC, partition, start, end)
    assert row is not None
    return list(zip(row["quarantined_offsets"], row["quarantined_hashes"], strict=True))


async def test_a_batch_learns_of_the_records_set_aside_in_its_range_alone(
    worker: Connection, operator: Connection
) -> None:
    for offset in (9, 20, 10, 19):
        await quarantine(operator, offset)
    await quarantine(operator, 10, record="of the topic before")
    await file_letters(worker, 12)

    assert await _set_aside(worker, 11, 19) == []
    assert await _set_aside(worker, 10, 20, partition=1) == []
    found = await _set_aside(worker, 10, 20)
    assert [offset for offset, _ in found] == [10, 10, 19]
    assert set(found) == {
        (10, hash_of("10")),
        (10, hash_of("of the topic before10")),
        (19, hash_of("19")),
    }


async def test_a_record_stays_aside_when_it_is_discarded_and_comes_back_when_it_is_redriven(
    worker: Connection, operator: Connection
) -> None:
    discarded, posted, refused = [await quarantine(operator, offset) for offset in (1, 2, 3)]
    await operator.execute("SELECT discard_letters($1, 'never')", [discarded])
    await redriven(worker, (posted, "accrued"), (refused, "dead_lettered"))

    assert await _set_aside(worker, 0, 10) == [(1, hash_of("1")), (3, hash_of("3"))]


async def _read(worker: Connection) -> Counter[str]:
    """Return how many rows or index entries the session read, by table and index."""
    return Counter({row[0]: row[1] for row in await worker.fetch(_READ)})


@pytest.fixture
async def crowded(worker: Connection, superuser: Connection) -> Connection:
    """A worker that asked when the tables were empty, and are full now."""
    await superuser.execute("ALTER TABLE dead_letter SET (autovacuum_enabled = off)")
    await superuser.execute("ALTER TABLE consumer_halt SET (autovacuum_enabled = off)")
    assert await _set_aside(worker, 0, 500) == []
    await superuser.execute(
        'INSERT INTO dead_letter (topic, partition, "offset", record_hash, consumer_group,'
        " headers, reason, quarantined, status, closed_at)"
        " SELECT $1, 0, n, sha256(n::text::bytea), $2, '[]', 'R', n % 100 = 0,"
        " CASE WHEN n % 2 = 0 THEN 'open' ELSE 'resolved' END,"
        " CASE WHEN n % 2 = 0 THEN NULL ELSE now() END FROM generate_series(1, 5000) AS n",
        TOPIC,
        GROUP,
    )
    await superuser.execute(
        'INSERT INTO consumer_halt (consumer_group, topic, partition, "offset", reason, detail,'
        " ended_at, ended_by, end_reason)"
        " SELECT $1, $2, 0, n, 'r', 'd', now(), 'b', 'e' FROM generate_series(1, 1000) AS n",
        GROUP,
        TOPIC,
    )
    return worker


async def test_however_many_letters_and_halts_there_were_a_batch_reads_what_is_in_its_range(
    crowded: Connection,
) -> None:
    async with crowded.transaction():
        before = await _read(crowded)
        assert len(await _set_aside(crowded, 1000, 1500)) == 5
        read = await _read(crowded) - before
    assert read == {"dead_letter_quarantined": 5}


@pytest.mark.usefixtures("crowded")
async def test_the_probes_are_those_of_the_partial_indexes(superuser: Connection) -> None:
    async with superuser.transaction():
        # what the function sets for itself
        for name in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            await superuser.execute(f"SET LOCAL {name} = off")
        plan = await superuser.fetchval(
            'EXPLAIN (FORMAT JSON) SELECT d."offset", d.record_hash, h.reason'
            " FROM dead_letter AS d LEFT JOIN consumer_halt AS h"
            " ON h.consumer_group = 'g' AND h.topic = 't' AND h.ended_at IS NULL"
            ' WHERE d.topic = \'t\' AND d.partition = 0 AND d."offset" >= 1 AND d."offset" < 9'
            " AND d.quarantined AND d.status IN ('open', 'discarded') ORDER BY d.\"offset\""
        )
    used = set(_indexes(json.loads(plan)[0]["Plan"]))
    assert used == {"dead_letter_quarantined", "consumer_halt_open"}


def _indexes(node: dict[str, object]) -> list[str]:
    below = node.get("Plans", [])
    assert isinstance(below, list)
    own = [str(node["Index Name"])] if "Index Name" in node else []
    return own + [name for child in below for name in _indexes(child)]


async def test_only_the_worker_asks(operator: Connection, readonly: Connection) -> None:
    for connection in (operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(_OBSTACLES, GROUP, TOPIC, 0, 0, 1)
