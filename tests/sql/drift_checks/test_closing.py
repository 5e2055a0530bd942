"""A walked run is closed once, whole or not at all."""

import json
import uuid

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import account, advance, begin, checked, close, every_casino, plant, walk
from sqlslips import Connection
from sqltools import add_casino, connected


async def test_each_finding_is_audited_at_its_casino(
    worker: Connection, readonly: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    damaged = account(casino, 30).cached(-10)
    await plant(superuser, [damaged])
    run = await checked(worker)
    rows = await readonly.fetch("SELECT * FROM audit_log WHERE action = 'drift_detected'")
    ((audited_casino, actor, correlation, details),) = [
        (row["casino_id"], row["actor_id"], row["correlation_id"], json.loads(row["details"]))
        for row in rows
    ]
    assert (audited_casino, actor, correlation) == (casino, None, "test")
    assert details == {
        "run_id": str(run),
        "player_id": str(damaged.player),
        "kind": "balance",
        "drift": -40,
        "severity": "critical",
    }


async def test_a_closed_run_is_told_again_and_nothing_is_written_again(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1).cached(6)])
    run = await begin(worker)
    await walk(worker, run)
    first = await close(worker, run)
    written = (
        "SELECT (SELECT count(*) FROM audit_log), (SELECT count(*) FROM outbox_record),"
        " (SELECT jsonb_agg(f) FROM drift_finding AS f)"
    )
    before = await superuser.fetchrow(written)
    async with connected(database.operator) as operator:
        assert await close(operator, run) == first
    assert await close(worker, run) == first
    assert await superuser.fetchrow(written) == before


async def test_a_run_that_is_not_walked_is_not_closed(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1), account(casino, 1)])
    run = await begin(worker)
    await advance(worker, run, players=1)
    with pytest.raises(asyncpg.RaiseError, match="not looked at every player"):
        await close(worker, run)
    with pytest.raises(asyncpg.NoDataFoundError):
        await close(worker, uuid.uuid4())


async def test_a_casino_that_was_added_behind_the_run_is_not_said_to_be_looked_at(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    empty, behind = uuid.uuid4(), uuid.UUID(int=1)
    await add_casino(database, str(empty))
    await plant(superuser, [account(casino, 1)])
    run = await begin(worker)
    await walk(worker, run)
    await add_casino(database, str(behind))
    await plant(superuser, [account(behind, 30).cached(-4969)])
    await close(worker, run)
    looked_at = await superuser.fetch("SELECT casino_id, players_checked FROM drift_check_casino")
    assert {tuple(row) for row in looked_at} == {(casino, 1), (empty, 0)}


async def test_what_a_failed_close_wrote_is_gone_with_it(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 1).cached(6)])
    run = await begin(worker)
    await walk(worker, run)
    await superuser.execute("ALTER TABLE outbox_record ADD CONSTRAINT is_full CHECK (false)")
    with pytest.raises(asyncpg.CheckViolationError):
        await close(worker, run)
    assert await superuser.fetchval("SELECT count(*) FROM audit_log WHERE domain = 'drift'") == 0
    await superuser.execute("ALTER TABLE outbox_record DROP CONSTRAINT is_full")
    assert (await close(worker, run))["verdict"] == "drift"


async def test_the_worker_audits_its_checks_and_nothing_else(
    worker: Connection, casino: uuid.UUID
) -> None:
    insert = "INSERT INTO audit_log (casino_id, domain, action) VALUES ($1, $2, 'x')"
    async with every_casino(worker):
        await worker.execute(insert, casino, "drift")
        await worker.execute(insert, None, "drift")
    for elsewhere, domain in ((casino, "ledger"), (None, "ledger"), (uuid.uuid4(), "drift")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            async with every_casino(worker):
                await worker.execute(insert, elsewhere, domain)
