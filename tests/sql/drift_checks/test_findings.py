"""What a run finds: against each kind of damage, and against random damage."""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from sqldrift import Account, Entry, account, begin, checked, findings_of, plant, walk
from sqlslips import Connection, new_slip, post

Damage: TypeAlias = Callable[[Account], Account]
_ZERO = uuid.UUID(int=0)
_LARGEST = uuid.UUID(int=2**128 - 1)


def _change(place: int, **changes: int) -> Damage:
    def damage(sound: Account) -> Account:
        entries = list(sound.entries)
        entries[place - 1] = replace(entries[place - 1], **changes)
        return replace(sound, entries=tuple(entries))

    return damage


def _without(*numbers: int) -> Damage:
    return lambda sound: replace(
        sound, entries=tuple(entry for entry in sound.entries if entry.number not in numbers)
    )


def _cache(balance: int, count: int) -> Damage:
    return lambda sound: replace(sound, cache=(balance, count))


def _both(first: Damage, second: Damage) -> Damage:
    return lambda sound: second(first(sound))


# each of entries of 100, 20 and -50 points
_DAMAGE: list[tuple[Damage, set[str]]] = [
    (_cache(71, 3), {"balance"}),
    (_cache(-(2**63), 2**63 - 1), {"balance", "entry_count"}),
    (_cache(70, 2), {"entry_count"}),
    (lambda sound: replace(sound, cache=None), {"cache_missing"}),
    (_without(1), {"balance", "entry_count", "entries_missing"}),
    (_without(2), {"balance", "entry_count", "entries_missing"}),
    (_without(3), {"balance", "entry_count"}),
    (_both(_without(3), _cache(120, 2)), set()),
    (_without(1, 2, 3), {"cache_without_entries"}),
    (_both(_without(1, 2, 3), _cache(0, 3)), {"cache_without_entries"}),
    (_both(_without(1, 2, 3), _cache(0, 0)), set()),
    (_both(_without(2), _cache(50, 2)), {"entries_missing"}),
    (_change(3, number=4), {"entries_missing"}),
    (_both(_change(3, number=4), _cache(70, 4)), {"entries_missing", "entry_count"}),
    (_change(1, balance=101), {"chain_broken"}),
    (_change(2, balance=119), {"chain_broken"}),
    (_change(3, balance=71), {"chain_broken"}),
    (_change(2, points=21), {"balance", "chain_broken"}),
    (_change(1, points=0), {"balance", "chain_broken"}),
    # what cancels out in a sum
    (_both(_change(1, points=101), _change(2, points=19)), {"chain_broken"}),
    (_both(_change(1, balance=120), _change(2, balance=100)), {"chain_broken"}),
    # the cache agrees with the newest entry, and the sum with neither
    (_both(_change(3, balance=71), _cache(71, 3)), {"balance", "chain_broken"}),
]


async def test_each_disagreement_is_found_by_its_kind_and_nothing_else_is(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    damaged = [damage(account(casino, 100, 20, -50)) for damage, _ in _DAMAGE]
    sound = [account(casino, 5), account(casino, 7, -7), account(casino)]
    await plant(superuser, [*damaged, *sound])

    found = await findings_of(worker, await checked(worker))
    for each, (_, kinds) in zip(damaged, _DAMAGE, strict=True):
        assert {kind for kind, *_ in found.get(each.player, ())} == kinds
    # a drift beyond 64 bits is shown as the largest
    (extreme,) = [each for each in damaged if each.cache == (-(2**63), 2**63 - 1)]
    assert {drift for *_, drift, _ in found.pop(extreme.player)} == {-9 * 10**18}
    assert found == {
        each.player: each.kinds() for each in damaged if each.kinds() and each is not extreme
    }


def _at_random(chance: random.Random, casino: uuid.UUID) -> Account:
    """Return an account to which up to three things happened, some of them twice undone."""
    made = account(casino, *(chance.randint(-3, 3) for _ in range(chance.randint(0, 6))))
    for _ in range(chance.randint(0, 3)):
        entries = list(made.entries)
        place = chance.randrange(len(entries)) if entries else None
        match chance.randrange(6):
            case 0:
                made = replace(made, cache=None)
            case 1:
                count = chance.choice([*range(-2, 7), -(2**63), 2**31, 2**63 - 1])
                made = replace(made, cache=(chance.randint(-3, 3), count))
            case 2 if place is not None:
                del entries[place]
            case 3 if place is not None:
                entries[place] = replace(entries[place], points=chance.randint(-3, 3))
            case 4 if place is not None:
                entries[place] = replace(entries[place], balance=chance.randint(-3, 3))
            case 5:
                entries.append(Entry(len(entries) + 2, 1, chance.randint(-3, 3)))
        numbers = {entry.number for entry in entries}
        made = replace(made, entries=tuple(entries)) if len(numbers) == len(entries) else made
    return made


async def test_whatever_happened_to_an_account_is_found_as_a_second_reckoning_has_it(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    chance = random.Random(3)
    accounts = [_at_random(chance, casino) for _ in range(3_000)]
    await plant(superuser, accounts)

    run = await begin(worker)
    await walk(worker, run, players=70, entries=200)
    found = await findings_of(worker, run)
    assert found == {each.player: each.kinds() for each in accounts if each.kinds()}
    assert 300 < len(found) < 2_700


async def test_the_first_and_the_last_of_all_ids_are_looked_at(
    worker: Connection, superuser: Connection
) -> None:
    await superuser.execute(
        "INSERT INTO casino (id, name) VALUES ($1, 'a'), ($2, 'b')", _ZERO, _LARGEST
    )
    accounts = [
        account(casino, 5, player=player).cached(6, count)
        for casino in (_ZERO, _LARGEST)
        for player, count in ((_ZERO, 1), (_LARGEST, 2))
    ]
    await plant(superuser, accounts)

    run = await begin(worker)
    assert await walk(worker, run, players=1) == [(1, 1, 1), (1, 1, 2), (1, 1, 1), (1, 1, 2)]


async def test_the_newest_entry_is_dated_and_the_percentage_is_that_of_the_computed_balance(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    sums = {30: 10, -30: -31, 0: 1}
    accounts = {points: account(casino, 1, points - 1) for points in sums}
    await plant(superuser, [accounts[points].cached(cached) for points, cached in sums.items()])
    emptied = account(casino).cached(5, 1)
    await plant(superuser, [emptied])

    await checked(worker)
    rows = {
        row["player_id"]: (row["drift_percentage"], row["last_ledger_update"])
        for row in await worker.fetch("SELECT * FROM drift_finding")
    }
    dates = await superuser.fetch(
        "SELECT player_id, max(created_at) FROM loyalty_ledger GROUP BY 1"
    )
    assert rows.pop(emptied.player) == (None, None)
    assert {player: date for player, (_, date) in rows.items()} == dict(map(tuple, dates))
    percentages = {points: rows[accounts[points].player][0] for points in sums}
    assert {points: str(share) for points, share in percentages.items()} == {
        30: "-66.6667",
        -30: "-3.3333",
        0: "None",
    }


async def test_what_is_posted_is_sound(worker: Connection, casino: uuid.UUID) -> None:
    players = [uuid.uuid4() for _ in range(4)]
    for player in players * 3:
        await post(worker, new_slip(casino, player_id=player))
    run = await begin(worker, casino)
    assert await walk(worker, run) == [(4, 12, 0)]
