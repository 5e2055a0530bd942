"""Findings that a reconciliation settles, and what the gauges show of the rest."""

import uuid
from dataclasses import replace

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import Account, account, begin, checked, close, plant, walk
from sqlslips import Connection, scope
from sqltools import add_casino

_SETTLE = "SELECT settle_drift_findings($1, $2)"
_OPEN = "SELECT kind FROM drift_finding WHERE reconciled_at IS NULL"


async def _settle(operator: Connection, each: Account) -> int:
    async with scope(operator, [each.casino]):
        settled: int = await operator.fetchval(_SETTLE, each.casino, each.player)
    return settled


async def _drift(connection: Connection) -> dict[str, float]:
    """Return the gauges of players by severity, and of points under 'points'."""
    return {
        row["label"] or "points": row["value"]
        for row in await connection.fetch(
            "SELECT label, value FROM operational_gauges()"
            " WHERE gauge IN ('drift_players', 'drift_points_abs')"
        )
    }


async def _others(connection: Connection) -> dict[tuple[str, str], float]:
    return {
        (row["gauge"].removeprefix("drift_check_"), row["label"]): row["value"]
        for row in await connection.fetch(
            "SELECT * FROM operational_gauges() WHERE gauge LIKE 'drift\\_check\\_%'"
        )
    }


def _house(casino: uuid.UUID, *damaged: Account) -> list[Account]:
    """Return so many sound accounts that the damaged are few."""
    return [*(account(casino, 1) for _ in range(100)), *damaged]


async def test_a_reconciled_balance_settles_what_is_about_the_cache(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    cached = [
        account(casino, 30).cached(10, 2),
        replace(account(casino, 30), cache=None),
        account(casino).cached(5, 0),
    ]
    other = account(casino, 30).cached(31)
    await plant(superuser, _house(casino, *cached, other))
    await checked(worker)
    assert await _drift(worker) == {"info": 4, "points": 20 + 30 + 5 + 1}

    assert [await _settle(operator, each) for each in cached] == [2, 1, 1]
    assert await _settle(operator, cached[0]) == 0
    assert [row["kind"] for row in await worker.fetch(_OPEN)] == ["balance"]
    assert await _drift(worker) == {"info": 1, "points": 1}
    assert await _settle(operator, other) == 1
    assert await _drift(worker) == {}


async def test_a_damaged_ledger_stays_and_the_player_counts_by_what_is_left(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    whole = account(casino, 10, 20, 30)
    damaged = replace(whole, entries=whole.entries[1:])
    large = account(casino, 5_000).cached(1, 2)
    await plant(superuser, _house(casino, damaged, large))
    await checked(worker)
    assert await _drift(worker) == {"critical": 2, "points": 10 + 4_999}

    assert await _settle(operator, large) == 2
    assert await _settle(operator, damaged) == 2
    assert [row["kind"] for row in await worker.fetch(_OPEN)] == ["entries_missing"]
    assert await _drift(worker) == {"critical": 1, "points": 10}


async def test_a_player_counts_once_and_by_the_gravest_severity(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    whole = account(casino, 10, 20, 30)
    # balance and entry_count are warnings, the missing entry is critical
    damaged = replace(whole, entries=whole.entries[1:]).cached(200)
    await plant(superuser, _house(casino, damaged, account(casino, 1).cached(301, 3)))
    await checked(worker)
    assert await _drift(worker) == {"critical": 1, "warning": 1, "points": 150 + 300}


async def test_what_was_settled_before_the_run_was_closed_is_not_shown(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    early, late = account(casino, 30).cached(10), account(casino, 30).cached(20)
    await plant(superuser, _house(casino, early, late))
    run = await begin(worker)
    await walk(worker, run)
    assert await _settle(operator, early) == 1
    assert (await close(worker, run))["players_drifted"] == 2
    assert await _drift(worker) == {"info": 1, "points": 10}


async def test_the_gauges_show_the_newest_finished_run_of_each_casino(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    other = uuid.uuid4()
    await add_casino(database, str(other))
    assert await _others(worker) == {}
    damaged = [account(casino, 30).cached(1), account(other, 30).cached(2)]
    await plant(superuser, _house(casino, damaged[0]) + _house(other, damaged[1]))
    await checked(worker)
    assert await _drift(worker) == {"info": 2, "points": 29 + 28}

    mended = "UPDATE player_loyalty SET current_balance = 30 WHERE player_id = $1"
    await superuser.execute(mended, damaged[0].player)
    unfinished = await begin(worker, casino)
    await walk(worker, unfinished)
    assert await _drift(worker) == {"info": 2, "points": 29 + 28}
    await close(worker, unfinished)
    assert await _drift(worker) == {"info": 1, "points": 28}


async def test_a_casino_whose_players_are_all_gone_shows_no_drift_of_before(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 30).cached(1)])
    await checked(worker)
    await superuser.execute("DELETE FROM player_loyalty")
    await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
    await superuser.execute("DELETE FROM loyalty_ledger")
    await checked(worker)
    assert await _drift(worker) == {}


async def test_runs_are_counted_by_verdict_and_the_newest_successful_one_is_timed(
    worker: Connection, readonly: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await checked(worker)
    await plant(superuser, [account(casino, 30).cached(1)])
    newest = await checked(worker)
    await begin(worker)
    await superuser.execute(
        "UPDATE drift_check_run SET advanced_at = '2026-01-01' WHERE finished_at IS NULL"
    )
    await begin(worker)
    finished, duration = await superuser.fetchrow(
        "SELECT extract(epoch FROM finished_at)::float8,"
        " extract(epoch FROM finished_at - started_at)::float8"
        " FROM drift_check_run WHERE id = $1",
        newest,
    ) or (0, 0)
    for connection in (worker, readonly):
        assert await _others(connection) == {
            ("runs_total", "clean"): 1,
            ("runs_total", "drift"): 1,
            ("runs_total", "abandoned"): 1,
            ("last_success_timestamp_seconds", ""): finished,
            ("duration_seconds", ""): duration,
        }


async def test_only_an_operator_settles_and_only_in_the_own_scope(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    damaged = account(casino, 30).cached(1)
    await plant(superuser, [damaged])
    await checked(worker)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _settle(worker, damaged)
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
        async with scope(operator, [uuid.uuid4()]):
            await operator.fetchval(_SETTLE, damaged.casino, damaged.player)
    assert len(await worker.fetch(_OPEN)) == 1
