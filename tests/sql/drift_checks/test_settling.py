"""Findings that a reconciliation settles, and what the gauges show of the rest."""

import uuid
from dataclasses import replace

import asyncpg
import pytest

from sqldrift import Account, account, begin, checked, close, drift_gauges, house, plant, walk
from sqlslips import Connection, scope

_SETTLE = "SELECT settle_drift_findings($1, $2)"
_OPEN = "SELECT kind FROM drift_finding WHERE reconciled_at IS NULL"


async def _settle(operator: Connection, each: Account) -> int:
    async with scope(operator, [each.casino]):
        settled: int = await operator.fetchval(_SETTLE, each.casino, each.player)
    return settled


async def test_a_reconciled_balance_settles_what_is_about_the_cache(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    cached = [
        account(casino, 30).cached(10, 2),
        replace(account(casino, 30), cache=None),
        account(casino).cached(5, 0),
    ]
    other = account(casino, 30).cached(31)
    await plant(superuser, house(casino, *cached, other))
    await checked(worker)
    assert await drift_gauges(worker) == {"info": 4, "points": 20 + 30 + 5 + 1}

    assert [await _settle(operator, each) for each in cached] == [2, 1, 1]
    assert await _settle(operator, cached[0]) == 0
    assert [row["kind"] for row in await worker.fetch(_OPEN)] == ["balance"]
    assert await drift_gauges(worker) == {"info": 1, "points": 1}
    assert await _settle(operator, other) == 1
    assert await drift_gauges(worker) == {}


async def test_a_damaged_ledger_stays_and_the_player_counts_by_what_is_left(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    whole = account(casino, 10, 20, 30)
    damaged = replace(whole, entries=whole.entries[1:])
    large = account(casino, 5_000).cached(1, 2)
    await plant(superuser, house(casino, damaged, large))
    await checked(worker)
    assert await drift_gauges(worker) == {"critical": 2, "points": 10 + 4_999}

    assert await _settle(operator, large) == 2
    assert await _settle(operator, damaged) == 2
    assert [row["kind"] for row in await worker.fetch(_OPEN)] == ["entries_missing"]
    assert await drift_gauges(worker) == {"critical": 1, "points": 10}


async def test_what_was_settled_before_the_run_was_closed_is_not_shown(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    early, late = account(casino, 30).cached(10), account(casino, 30).cached(20)
    await plant(superuser, house(casino, early, late))
    run = await begin(worker)
    await walk(worker, run)
    assert await _settle(operator, early) == 1
    assert (await close(worker, run))["players_drifted"] == 2
    assert await drift_gauges(worker) == {"info": 1, "points": 10}


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
