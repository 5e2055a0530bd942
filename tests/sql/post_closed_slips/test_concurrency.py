"""Several connections that post at once must lose nothing and double nothing."""

import asyncio
import random
import uuid
from collections import Counter
from decimal import Decimal
from itertools import chain

import asyncpg

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import (
    ACCRUED_2100,
    BY_KEY,
    GHOST,
    Connection,
    Slip,
    Verdict,
    new_slip,
    post,
    post_rows,
    refused,
    scope,
)
from sqltools import add_casino, connected

_RETRIED = ("40001", "40P01", "23505")


async def _post_with_retry(connection: Connection, slips: list[Slip]) -> list[Verdict]:
    while True:
        try:
            return await post(connection, *slips)
        except asyncpg.PostgresError as error:
            if error.sqlstate not in _RETRIED:
                raise


_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def _post_all(database: DatabaseUrls, slips: list[Slip], seed: int) -> list[Verdict]:
    rng = random.Random(seed)
    shuffled = rng.sample(slips, len(slips))
    verdicts: list[Verdict] = []
    async with connected(database.worker) as connection:
        while shuffled:
            size = rng.randint(1, 80)
            verdicts += await _post_with_retry(connection, shuffled[:size])
            shuffled = shuffled[size:]
    return verdicts


async def test_the_same_slips_posted_by_four_connections_at_once_are_accrued_once(
    database: DatabaseUrls, superuser: Connection
) -> None:
    rng = random.Random(7)
    casinos = [uuid.uuid4() for _ in range(2)]
    for casino in casinos:
        await add_casino(database, str(casino))
    players = [uuid.uuid4() for _ in range(12)]
    rated = [
        new_slip(rng.choice(casinos), player_id=rng.choice(players), average_bet=Decimal(bet))
        for bet in range(1, 401)
    ]
    ghosts = [new_slip(casinos[0], visit_kind=GHOST, player_id=None) for _ in range(40)]
    verdicts = await asyncio.gather(
        *(_post_all(database, rated + ghosts, seed) for seed in range(4))
    )

    counted = Counter(verdict.verdict for verdict in chain(*verdicts))
    assert counted == {"accrued": 400, "skipped": 40, "duplicate": 3 * 440}
    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 400
    points = await superuser.fetchval("SELECT sum(points_delta) FROM loyalty_ledger")
    assert points == sum(21 * bet for bet in range(1, 401))
    assert await superuser.fetch("SELECT * FROM check_loyalty_balance_drift()") == []
    # batches lock in one order: none was ever chosen as a deadlock's victim and tried again
    assert await superuser.fetchval(_DEADLOCKS) == 0


async def test_of_conflicting_facts_posted_at_once_one_wins_and_the_others_conflict(
    database: DatabaseUrls, superuser: Connection, casino: uuid.UUID
) -> None:
    slips = [new_slip(casino) for _ in range(60)]
    variants = [
        [slip.but(key=uuid.uuid4(), player_id=uuid.uuid4()) for slip in slips] for _ in range(3)
    ]
    verdicts = await asyncio.gather(
        *(_post_all(database, variant, seed) for seed, variant in enumerate(variants))
    )

    counted = Counter(chain(*verdicts))
    assert counted == {ACCRUED_2100: 60, refused("FACTS_CONFLICT"): 120}
    assert await superuser.fetchval("SELECT count(*) FROM player_loyalty") == 60
    assert await superuser.fetch("SELECT * FROM check_loyalty_balance_drift()") == []


async def test_one_key_on_two_players_at_once_is_a_unique_violation_and_then_a_conflict(
    database: DatabaseUrls, worker: Connection, casino: uuid.UUID
) -> None:
    first = new_slip(casino)
    second = new_slip(casino, key=first.key)
    async with connected(database.worker) as other:
        async with scope(worker, [casino]):
            await post_rows(worker, [first])
            attempt = asyncio.create_task(post(other, second))
            await _until_waiting(worker, other)
        try:
            await attempt
        except asyncpg.UniqueViolationError:
            pass
        else:
            raise AssertionError("the second key went through")
        assert await post(other, second) == [refused("IDEMPOTENCY_CONFLICT")]


async def test_a_batch_that_waited_for_the_same_slip_sees_it_posted(
    database: DatabaseUrls, worker: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    async with connected(database.worker) as other:
        async with scope(worker, [casino]):
            await post_rows(worker, [slip])
            attempt = asyncio.create_task(post(other, slip))
            await _until_waiting(worker, other)
        assert await attempt == [BY_KEY]


async def test_a_ghost_and_a_rated_version_of_one_slip_at_once_never_both_count(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    rated = new_slip(casino)
    ghost = rated.but(visit_kind=GHOST, player_id=None)
    async with connected(database.worker) as other:
        async with scope(worker, [casino]):
            await post_rows(worker, [ghost])
            attempt = asyncio.create_task(_post_with_retry(other, [rated]))
            await _until_waiting(worker, other)
        assert await attempt == [refused("FACTS_CONFLICT")]
    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 0


async def _until_waiting(watcher: Connection, other: Connection) -> None:
    pid = other.get_server_pid()
    while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
        await asyncio.sleep(0.01)
