"""Posting and releasing touch rows in proportion to the batch, not to the ledger.

As with slips (`tests/sql/post_closed_slips/test_plans.py`), a session that cached its plans while
the tables were empty is the trap, and the server's counters of the transaction tell.
"""

import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sqlpromotions import award, award_rows, park, post_awards, release
from sqlslips import GHOST, Connection, new_slip, post, post_rows, scope

_BATCH = 20
_TABLES = ("loyalty_ledger", "rating_slip", "player_loyalty", "player", "parked_event")
_READ = """
    SELECT c.relname, pg_stat_get_xact_tuples_returned(c.oid)
    FROM pg_class AS c
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    JOIN pg_class AS t ON t.oid = coalesce(i.indrelid, c.oid)
    WHERE t.relname = ANY ($1)
"""
_FIND = "SELECT * FROM find_releasable_events('promotion', 0, $2, ARRAY[$1]::uuid[])"
_EXPIRE = "SELECT expire_parked_events(interval '7 days', 500)"


@asynccontextmanager
async def _reading(worker: Connection) -> AsyncIterator[Counter[str]]:
    """Count how many rows or index entries the transaction reads herein, by table and index."""
    read: Counter[str] = Counter()
    before = await _read(worker)
    yield read
    read.update(await _read(worker) - before)


async def _read(worker: Connection) -> Counter[str]:
    return Counter({row[0]: row[1] for row in await worker.fetch(_READ, _TABLES)})


@pytest.mark.parametrize("analysed", [False, True])
async def test_a_session_that_began_on_empty_tables_goes_on_to_read_a_few_rows_a_promotion(
    worker: Connection, superuser: Connection, casino: uuid.UUID, *, analysed: bool
) -> None:
    for table in _TABLES:
        await superuser.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    if analysed:
        await superuser.execute("ANALYZE")  # the planner then believes all indexes empty
    rng = random.Random(3)
    players = [uuid.uuid4() for _ in range(300)]
    slips = [new_slip(casino, player_id=rng.choice(players)) for _ in range(1500)]
    awards = [award(slip, campaign=rng.choice("ab"), offset=n) for n, slip in enumerate(slips)]
    ghosts = [new_slip(casino, visit_kind=GHOST, player_id=None) for _ in range(300)]
    for start in range(0, len(slips), 300):
        await post(worker, *slips[start : start + 300], *ghosts[start // 5 : start // 5 + 60])
        await post_awards(worker, *awards[start : start + 300])
        # their slips never come
        others = [award(new_slip(casino), offset=10**6 + start + n) for n in range(300)]
        await park(worker, *others)
        async with scope(worker, [casino]):
            assert await release(worker, *slips[start : start + 300]) == []
            await worker.fetch(_FIND, casino, 10)
            await worker.fetch(_EXPIRE)

    again = rng.sample(awards, _BATCH // 2)
    fresh = [award(slip, campaign="c") for slip in rng.sample(slips, _BATCH // 2)]
    async with scope(worker, [casino]), _reading(worker) as read:
        rows = await award_rows(worker, again + fresh)
    assert {row["verdict"] for row in rows} == {"accrued", "duplicate"}
    assert _too_many(read) == {}
    # a probe each: for the players, for the decision, and by the trigger for what is new
    assert read["loyalty_ledger_base_accrual_once"] == 2 * _BATCH + _BATCH // 2

    late = [new_slip(casino, player_id=rng.choice(players)) for _ in range(_BATCH)]
    await park(worker, *(award(slip, offset=2 * 10**6 + n) for n, slip in enumerate(late)))
    async with scope(worker, [casino]):
        await post_rows(worker, late)
        async with _reading(worker) as read:
            assert len(await release(worker, *late)) == _BATCH
    assert _too_many(read) == {}

    # where nothing waits, a release costs a probe a slip and touches nothing else
    async with scope(worker, [casino]), _reading(worker) as read:
        assert await release(worker, *rng.sample(slips, _BATCH)) == []
    assert sum(read.values()) <= _BATCH

    # the sweeper looks at so many, and at nothing else
    async with scope(worker, [casino]), _reading(worker) as read:
        await worker.fetch(_FIND, casino, _BATCH)
    assert _too_many(read) == {}

    # the index says what is old
    aged = "UPDATE parked_event SET waiting_since = '2026-01-01' WHERE \"offset\" % 100 = 0"
    await superuser.execute(aged)
    async with scope(worker, [casino]), _reading(worker) as read:
        assert await worker.fetchval(_EXPIRE) == 15
        assert await worker.fetchval("SELECT cardinality(waiting_casinos())") == 1
    assert _too_many(read) == {}


def _too_many(read: Counter[str]) -> dict[str, int]:
    """Return what was read more often than a batch accounts for."""
    return {name: count for name, count in read.items() if count > 8 * _BATCH}
