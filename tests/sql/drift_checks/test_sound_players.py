"""One hash over the players of a chunk: what it tells, and that no damage hides in it."""

import uuid
from dataclasses import replace

from sqldrift import account, checked, every_casino, findings_of, plant
from sqlslips import Connection

_ZERO = uuid.UUID(int=0)
_LARGEST = uuid.UUID(int=2**128 - 1)


async def test_damage_that_cancels_out_between_players_is_found(
    worker: Connection, superuser: Connection
) -> None:
    one, other = account(_ZERO, 1, 2), account(_ZERO, 3, 4)
    pairs = [
        [one.cached(7), other.cached(3)],
        [replace(one, entries=other.entries), replace(other, entries=one.entries)],
        [one.cached(9), account(_ZERO, 1, 2).cached(9)],
        [replace(one, entries=one.entries[:1]), replace(one, player=_LARGEST).cached(9)],
    ]
    for number, pair in enumerate(pairs, 1):
        casino = uuid.UUID(int=number)
        await superuser.execute("INSERT INTO casino (id, name) VALUES ($1, 'a casino')", casino)
        await plant(superuser, [replace(each, casino=casino) for each in pair])
        found = await findings_of(worker, await checked(worker, casino))
        assert found == {each.player: each.kinds() for each in pair}


async def test_sound_players_are_told_by_one_hash_wherever_a_chunk_begins_and_ends(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    players = sorted(uuid.uuid4() for _ in range(6))
    await plant(superuser, [account(casino, *([1] * n), player=p) for n, p in enumerate(players)])
    query = "SELECT is_sound, players, entries, is_cut FROM sound_players($1, $2, $3, $4)"
    async with every_casino(worker):
        for limits, told in (
            ((None, None, None), (True, 6, 15, False)),
            ((None, 10, 100), (True, 6, 15, False)),
            ((None, 3, 100), (True, 3, 3, True)),
            ((players[1], 10, 9), (True, 3, 9, True)),
            ((players[5], 10, 100), (True, 0, 0, False)),
        ):
            assert tuple(await worker.fetchrow(query, casino, *limits) or ()) == told
        # told nothing by a count that is wrong
        await superuser.execute("UPDATE player_loyalty SET entry_count = 9 WHERE entry_count = 2")
        row = await worker.fetchrow(query, casino, None, 10, 100)
    assert row is not None
    assert not row["is_sound"]
