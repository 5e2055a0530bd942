"""How a run walks: bounded chunks, one after the other, by whoever comes."""

import asyncio
import itertools
import uuid
from dataclasses import replace

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import (
    ADVANCE,
    account,
    advance,
    begin,
    close,
    every_casino,
    findings_of,
    plant,
    walk,
)
from sqlslips import Connection, scope
from sqltools import add_casino, connected

_POSITION = "SELECT after_casino_id, after_player_id FROM drift_check_run WHERE id = $1"
_SCOPE = "SELECT current_setting('app.casino_ids')"


@pytest.fixture
async def casinos(database: DatabaseUrls) -> list[uuid.UUID]:
    """Four casinos."""
    ids = [uuid.uuid4() for _ in range(4)]
    for casino in ids:
        await add_casino(database, str(casino))
    return ids


async def test_every_player_is_looked_at_once_and_no_chunk_exceeds_its_limits(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    plans = itertools.product(casinos[:3], range(5), ("both", "entries", "cache"), range(4))
    accounts = [account(casino, *([1] * size)) for casino, size, _, _ in plans]
    plans = itertools.product(casinos[:3], range(5), ("both", "entries", "cache"), range(4))
    kept = [
        replace(each, cache=None if parts == "entries" else each.cache)
        if parts != "cache"
        else replace(each, entries=())
        for each, (_, _, parts, _) in zip(accounts, plans, strict=True)
    ]
    await plant(superuser, kept)
    players = sum(1 for each in kept if each.cache or each.entries)
    entries = sum(len(each.entries) for each in kept)

    for most_players, most_entries in ((1, 100), (7, 9), (100, 4), (5, 1_000), (1_000, 11)):
        run = await begin(worker)
        chunks = await walk(worker, run, most_players, most_entries)
        assert all(chunk[0] <= most_players for chunk in chunks)
        assert all(chunk[1] <= most_entries for chunk in chunks)
        assert sum(chunk[0] for chunk in chunks) == players
        assert sum(chunk[1] for chunk in chunks) == entries
        assert len(chunks) < 2 * (players / most_players + entries / most_entries) + 2
        summary = await close(worker, run)
        assert (summary["players_checked"], summary["entries_checked"]) == (players, entries)
        found = await findings_of(worker, run)
        assert found == {each.player: each.kinds() for each in kept if each.kinds()}


async def test_a_player_with_more_entries_than_a_chunk_takes_is_a_chunk_alone(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    small = [account(casino, 1, 1, player=uuid.UUID(int=number)) for number in (1, 2, 4, 5)]
    large = account(casino, *([1] * 40), player=uuid.UUID(int=3)).cached(41)
    await plant(superuser, [*small, large])
    run = await begin(worker, casino)
    assert await walk(worker, run, players=10, entries=4) == [(2, 4, 0), (1, 40, 1), (2, 4, 0)]


async def test_a_large_player_of_the_next_casino_waits_for_the_next_chunk(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    first, second, *_ = sorted(casinos)
    await plant(superuser, [account(first), account(second, *([1] * 40))])
    assert await walk(worker, await begin(worker), players=10, entries=4) == [(1, 0, 0), (1, 40, 0)]


async def test_a_large_player_behind_others_is_not_looked_at_with_them_nor_they_again(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    first, second = sorted(casinos)[:2]
    await plant(superuser, [account(first), account(second, *([1] * 5))])
    compared = "SELECT casino_id, entries FROM compare_balances(NULL, NULL, NULL, NULL, 4)"
    async with every_casino(worker):
        assert [tuple(row) for row in await worker.fetch(compared)] == [(first, 0)]


async def test_a_run_goes_on_after_the_last_chunk_that_was_committed(
    worker: Connection, superuser: Connection, casino: uuid.UUID, database: DatabaseUrls
) -> None:
    await plant(superuser, [account(casino, 1).cached(2) for _ in range(6)])
    run = await begin(worker)
    await advance(worker, run, players=2)
    position = await worker.fetchrow(_POSITION, run)
    async with connected(database.worker) as dying:
        await dying.execute("BEGIN; SELECT set_service_context(ARRAY(SELECT id FROM casino), 'x')")
        assert tuple(await dying.fetchrow(ADVANCE, run, 2, 100) or ()) == (False, 2, 2, 2)

    assert await worker.fetchrow(_POSITION, run) == position
    assert await walk(worker, run, players=3) == [(3, 3, 3), (1, 1, 1)]
    assert len(await findings_of(worker, run)) == 6


async def test_two_processes_share_a_run_and_look_at_no_player_twice(
    worker: Connection, superuser: Connection, casino: uuid.UUID, database: DatabaseUrls
) -> None:
    await plant(superuser, [account(casino, 1, 1).cached(3) for _ in range(120)])
    run = await begin(worker)
    async with connected(database.worker) as second, connected(database.operator) as third:
        shares = await asyncio.gather(
            *(walk(connection, run, players=3) for connection in (worker, second, third))
        )
    assert sum(len(share) for share in shares) == 40
    assert sum(1 for share in shares if share) > 1
    summary = await close(worker, run)
    assert (summary["players_checked"], summary["players_drifted"]) == (120, 120)


async def test_a_walked_run_is_walked_however_often_it_is_asked(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1)])
    run = await begin(worker)
    await walk(worker, run)
    await plant(superuser, [account(casino, 1, player=uuid.UUID(int=2**128 - 1))])
    for _ in range(2):
        assert tuple(await advance(worker, run) or ()) == (True, 0, 0, 0)
    assert (await close(worker, run))["players_checked"] == 1
    assert tuple(await advance(worker, run) or ()) == (True, 0, 0, 0)


async def test_a_check_of_one_casino_looks_at_no_other(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    await plant(superuser, [account(casino, 1).cached(2) for casino in casinos for _ in range(3)])
    run = await begin(worker, casinos[1])
    assert await walk(worker, run, players=2) == [(2, 2, 2), (1, 1, 1)]
    looked_at = await worker.fetch("SELECT DISTINCT casino_id FROM drift_finding")
    assert [casino for (casino,) in looked_at] == [casinos[1]]


async def test_a_check_leaves_the_casinos_of_its_transaction_as_they_were(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    await plant(superuser, [account(casino, *([1] * 9)) for casino in casinos])
    run = await begin(worker)
    async with every_casino(worker):
        before = await worker.fetchval(_SCOPE)
        for players, entries in ((1, 1), (2, 9), (100, 100)):
            await worker.fetchrow(ADVANCE, run, players, entries)
            assert await worker.fetchval(_SCOPE) == before
        checked = "SELECT players_checked FROM drift_check_run WHERE id = $1"
        assert await worker.fetchval(checked, run) == len(casinos)


async def test_balances_of_casinos_outside_of_the_scope_are_not_compared(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    await plant(superuser, [account(casino, 5).cached(4) for casino in casinos])
    compared = "SELECT casino_id FROM compare_balances(NULL, NULL, $1, NULL, NULL)"
    assert await worker.fetch(compared, casinos[0]) == []
    for seen in (casinos[:1], casinos[1:3], []):
        async with scope(worker, seen):
            assert {row["casino_id"] for row in await worker.fetch(compared, None)} == set(seen)
            assert await worker.fetch(compared, casinos[3]) == []


async def test_a_chunk_is_refused_to_whoever_does_not_see_all_that_is_asked_for(
    worker: Connection, superuser: Connection, casinos: list[uuid.UUID]
) -> None:
    await plant(superuser, [account(casinos[0], 1)])
    run = await begin(worker)
    async with scope(worker, casinos[:3]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
            await worker.fetch(ADVANCE, run, 10, 10)


async def test_a_chunk_without_limits_is_refused(worker: Connection, casino: uuid.UUID) -> None:
    run = await begin(worker, casino)
    for limits in ((0, 1), (1, 0), (None, 1), (1, None), (-1, -1)):
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await worker.fetch(ADVANCE, run, *limits)


async def test_there_is_no_walking_a_run_that_nobody_began(worker: Connection) -> None:
    with pytest.raises(asyncpg.NoDataFoundError):
        await advance(worker, uuid.uuid4())
