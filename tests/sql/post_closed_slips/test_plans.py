"""A batch touches rows in proportion to itself, not to the ledger.

Plans that a session cached while the tables were empty are the trap: nothing analyses a table in
its first minute. The server's own counters of the transaction tell, with the policies on.
"""

import random
import uuid
from collections import Counter

import pytest

from sqlslips import RATED, Connection, new_slip, post, post_rows, scope

_BATCH = 20
_READ = """
    SELECT c.relname, pg_stat_get_xact_tuples_returned(c.oid)
    FROM pg_class AS c
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    JOIN pg_class AS t ON t.oid = coalesce(i.indrelid, c.oid)
    WHERE t.relname IN ('loyalty_ledger', 'rating_slip', 'player_loyalty', 'player')
"""


async def _read(worker: Connection) -> Counter[str]:
    """Return how many rows or index entries the session read, by table and index."""
    return Counter({row[0]: row[1] for row in await worker.fetch(_READ)})


@pytest.mark.parametrize("analysed", [False, True])
async def test_a_session_that_began_on_empty_tables_goes_on_to_read_a_few_rows_a_slip(
    worker: Connection, superuser: Connection, casino: uuid.UUID, *, analysed: bool
) -> None:
    for table in ("loyalty_ledger", "rating_slip", "player_loyalty", "player"):
        await superuser.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    if analysed:
        await superuser.execute("ANALYZE")  # the planner then believes all indexes empty
    rng = random.Random(3)
    players = [uuid.uuid4() for _ in range(300)]
    slips = [new_slip(casino, player_id=rng.choice(players)) for _ in range(3000)]
    for start in range(0, len(slips), 300):
        await post(worker, *slips[start : start + 300])

    again = rng.sample(slips, _BATCH // 2)
    fresh = [new_slip(casino, player_id=rng.choice(players)) for _ in range(_BATCH // 2)]
    async with scope(worker, [casino]):
        before = await _read(worker)
        rows = await post_rows(worker, again + fresh)
        read = await _read(worker) - before
    assert {row["verdict"] for row in rows} == {"accrued", "duplicate"}
    # a balance is probed three times, and its row's former versions may still be met; walking an
    # index would read all 300 players or more
    assert {name: count for name, count in read.items() if count > 6 * _BATCH} == {}
    assert read["loyalty_ledger_base_accrual_once"] == _BATCH // 2


async def test_the_counters_of_that_test_would_tell(worker: Connection, casino: uuid.UUID) -> None:
    await post(worker, *(new_slip(casino) for _ in range(4 * _BATCH)))
    async with scope(worker, [casino]):
        before = await _read(worker)
        await worker.fetch("SELECT FROM rating_slip WHERE visit_kind = $1", RATED)
        read = await _read(worker) - before
    assert sum(read.values()) == 4 * _BATCH
