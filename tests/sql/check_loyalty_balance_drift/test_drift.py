"""Every kind of disagreement between cache and entries, and who may ask."""

import uuid

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection, new_slip, post, scope
from sqltools import add_casino, connected

_ALL = "SELECT * FROM check_loyalty_balance_drift()"
_FOUND = "SELECT kind, current_balance, computed_balance, drift, ledger_entry_count FROM ({}) AS d"


@pytest.fixture
async def player(worker: Connection, casino: uuid.UUID) -> uuid.UUID:
    """A player with three entries of 2100 points."""
    player = uuid.uuid4()
    await post(worker, *(new_slip(casino, player_id=player) for _ in range(3)))
    return player


async def _found(readonly: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await readonly.fetch(_FOUND.format(_ALL))]


async def _tamper(superuser: Connection, statement: str) -> None:
    """Change entries as no DML can: with the guards switched off."""
    await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
    await superuser.execute(statement)


@pytest.mark.usefixtures("player")
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE player_loyalty SET current_balance = 6301",
            [("balance", 6301, 6300, 1, 3)],
        ),
        ("UPDATE player_loyalty SET entry_count = 4", [("entry_count", 6300, 6300, 0, 3)]),
        ("DELETE FROM player_loyalty", [("cache_missing", None, 6300, -6300, 3)]),
        (
            "DELETE FROM loyalty_ledger WHERE entry_no = 2",
            [
                ("balance", 6300, 4200, 2100, 2),
                ("entries_missing", 6300, 4200, 2100, 2),
                ("entry_count", 6300, 4200, 2100, 2),
            ],
        ),
        (
            "DELETE FROM loyalty_ledger WHERE entry_no = 1",
            [
                ("balance", 6300, 4200, 2100, 2),
                ("entries_missing", 6300, 4200, 2100, 2),
                ("entry_count", 6300, 4200, 2100, 2),
            ],
        ),
        (
            "UPDATE loyalty_ledger SET balance_after = balance_after + 1 WHERE entry_no = 2",
            [("chain_broken", 6300, 6300, 0, 3)],
        ),
        (
            "UPDATE loyalty_ledger SET points_delta = points_delta + 1 WHERE entry_no = 3",
            [("balance", 6300, 6301, -1, 3), ("chain_broken", 6300, 6301, -1, 3)],
        ),
        ("DELETE FROM loyalty_ledger", [("cache_without_entries", 6300, 0, 6300, 0)]),
    ],
)
async def test_each_disagreement_is_found_by_its_kind(
    superuser: Connection,
    readonly: Connection,
    statement: str,
    found: list[tuple[object, ...]],
) -> None:
    assert await _found(readonly) == []
    await _tamper(superuser, statement)
    assert await _found(readonly) == found


async def test_a_player_without_entries_and_with_balance_zero_is_no_drift(
    superuser: Connection, readonly: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute("INSERT INTO player (id) VALUES ($1)", casino)
    await superuser.execute(
        "INSERT INTO player_loyalty (casino_id, player_id) VALUES ($1, $1)", casino
    )
    assert await _found(readonly) == []


@pytest.mark.usefixtures("player")
async def test_the_threshold_is_strict_and_hides_no_other_kind(
    superuser: Connection, readonly: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute("UPDATE player_loyalty SET current_balance = 6310, entry_count = 9")
    query = "SELECT kind FROM check_loyalty_balance_drift($1, $2) ORDER BY kind"
    kinds = {
        threshold: [kind for (kind,) in await readonly.fetch(query, casino, threshold)]
        for threshold in (9, 10)
    }
    assert kinds == {9: ["balance", "entry_count"], 10: ["entry_count"]}


async def test_the_largest_drift_comes_first(
    worker: Connection, superuser: Connection, readonly: Connection, casino: uuid.UUID
) -> None:
    await post(worker, *(new_slip(casino) for _ in range(3)))
    await superuser.execute(
        "UPDATE player_loyalty AS b SET current_balance = 2100 + d.drift FROM"
        " (SELECT player_id, (ARRAY[5, -900, 20])[row_number() OVER ()] AS drift"
        " FROM player_loyalty) AS d WHERE d.player_id = b.player_id"
    )
    assert [drift for _, _, _, drift, _ in await _found(readonly)] == [-900, 20, 5]


@pytest.mark.parametrize("role", ["worker", "operator"])
async def test_a_service_is_refused_what_it_does_not_see_instead_of_told_clean(
    database: DatabaseUrls, casino: uuid.UUID, role: str
) -> None:
    other = uuid.uuid4()
    await add_casino(database, str(other))
    one = "SELECT * FROM check_loyalty_balance_drift($1)"
    async with connected(getattr(database, role)) as connection:
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED"):
            await connection.fetch(one, casino)
        async with scope(connection, [casino]):
            assert await connection.fetch(one, casino) == []
            for query, arguments in ((one, [other]), (_ALL, [])):
                with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
                    async with connection.transaction():
                        await connection.fetch(query, *arguments)
        async with scope(connection, [casino, other]):
            assert await connection.fetch(_ALL) == []


async def test_a_casino_that_nobody_provisioned_is_not_called_clean(readonly: Connection) -> None:
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_UNKNOWN"):
        await readonly.fetch("SELECT * FROM check_loyalty_balance_drift($1)", uuid.uuid4())


@pytest.mark.usefixtures("casino")
async def test_the_owner_who_sees_nothing_is_refused(owner: Connection) -> None:
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED"):
        await owner.fetch(_ALL)
