"""Which calls begin a run, and which find one."""

import asyncio
import random
import uuid

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import BEGIN, advance, begin, checked, close, every_casino, walk
from sqlslips import Connection, scope
from sqltools import add_casino, connected

_SOURCE = "/casino/audit"
_STOOD_STILL = "UPDATE drift_check_run SET advanced_at = now() - interval '61 minutes'"
_VERDICTS = "SELECT id, verdict FROM drift_check_run"


async def _verdicts(connection: Connection) -> dict[uuid.UUID, str | None]:
    return {row["id"]: row["verdict"] for row in await connection.fetch(_VERDICTS)}


async def test_the_same_request_is_the_same_run_also_once_it_is_finished(
    worker: Connection, casino: uuid.UUID
) -> None:
    request = (_SOURCE, "1")
    run = await begin(worker, casino, trigger="request", request=request)
    assert await begin(worker, trigger="schedule", request=request) == run
    await walk(worker, run)
    await close(worker, run)

    async with every_casino(worker):
        row = await worker.fetchrow(BEGIN, "request", None, *request, None)
    assert tuple(row or ()) == (run, "clean", True)
    others = [
        await begin(worker, trigger="request", request=other)
        for other in ((_SOURCE, "2"), ("/other", "1"))
    ]
    assert len({run, *others}) == 3


async def test_a_new_run_says_so_and_stores_who_asked_for_what(
    worker: Connection, casino: uuid.UUID
) -> None:
    async with every_casino(worker):
        row = await worker.fetchrow(BEGIN, "request", casino, _SOURCE, "1", "audit")
    assert row is not None
    assert (row["verdict"], row["is_existing"]) == (None, False)
    stored = await worker.fetchrow(
        "SELECT trigger, casino_id, request_source, request_id, requested_by, started_at,"
        " advanced_at, finished_at FROM drift_check_run WHERE id = $1",
        row["run_id"],
    )
    assert stored is not None
    asked = ("request", casino, _SOURCE, "1", "audit")
    assert tuple(stored) == (*asked, stored["started_at"], stored["started_at"], None)


async def test_whoever_asks_at_the_same_time_gets_the_same_run(
    database: DatabaseUrls, casino: uuid.UUID
) -> None:
    async with (
        connected(database.worker) as first,
        connected(database.worker) as second,
        connected(database.operator) as third,
    ):
        callers = (first, second, third)
        for number in map(str, range(5)):
            requested = (begin(each, casino, request=(_SOURCE, number)) for each in callers)
            assert len(set(await asyncio.gather(*requested))) == 1
            commanded = (begin(each, casino) for each in callers)
            run, *others = await asyncio.gather(*commanded)
            assert set(others) == {run}
            await walk(first, run)
            await close(first, run)


async def test_a_command_joins_the_unfinished_one_of_its_scope_and_no_other(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    requested = await begin(worker, casino, trigger="request", request=(_SOURCE, "1"))
    of_all = await begin(worker)
    of_one = await begin(worker, casino)
    assert len({requested, of_all, of_one}) == 3
    await advance(worker, of_all)
    assert await begin(operator) == of_all
    assert await begin(operator, casino) == of_one
    await close(operator, of_all)
    assert await begin(operator) not in {of_all, of_one, requested}


async def test_runs_that_stood_still_for_an_hour_are_abandoned(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    finished = await checked(worker)
    request = (_SOURCE, "1")
    requested = await begin(worker, casino, trigger="request", request=request)
    command = await begin(worker)
    await superuser.execute(_STOOD_STILL)
    moving = await begin(worker, trigger="request", request=("/other", "1"))

    abandoned = {finished: "clean", requested: "abandoned", command: "abandoned", moving: None}
    assert await _verdicts(worker) == abandoned
    assert await begin(worker) != command
    assert await begin(worker, trigger="request", request=request) == requested
    assert tuple(await advance(worker, requested) or ()) == (True, 0, 0, 0)
    assert (await close(worker, requested))["verdict"] == "abandoned"
    assert await worker.fetch("SELECT * FROM outbox_record WHERE key IS NOT NULL") == []


async def test_a_check_of_one_casino_abandons_none_that_looks_at_more_or_at_another(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    other = uuid.uuid4()
    await add_casino(database, str(other))
    runs = [
        await begin(worker, asked, trigger="request", request=(_SOURCE, str(asked)))
        for asked in (None, casino, other)
    ]
    await superuser.execute(_STOOD_STILL)
    narrow = await begin(worker, casino)
    of_all, same, another = runs
    assert await _verdicts(worker) == {of_all: None, same: "abandoned", another: None, narrow: None}


async def test_a_request_goes_on_with_its_own_run_however_long_it_stood_still(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    request = (_SOURCE, "1")
    run = await begin(worker, casino, trigger="request", request=request)
    await superuser.execute(_STOOD_STILL)
    assert await begin(worker, casino, trigger="request", request=request) == run
    assert await _verdicts(worker) == {run: None}


async def test_a_run_that_is_being_advanced_is_not_abandoned_and_not_waited_for(
    worker: Connection, superuser: Connection
) -> None:
    run = await begin(worker)
    await superuser.execute(_STOOD_STILL)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM drift_check_run FOR NO KEY UPDATE")
        await worker.execute("SET lock_timeout = '2s'")
        other = await begin(worker, trigger="request", request=(_SOURCE, "1"))
    assert await _verdicts(worker) == {run: None, other: None}


async def test_a_casino_that_nobody_provisioned_is_refused(
    worker: Connection, casino: uuid.UUID
) -> None:
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_UNKNOWN"):
        await begin(worker, uuid.uuid4())
    assert await begin(worker, casino) in await _verdicts(worker)


async def test_whoever_does_not_see_all_that_is_asked_for_begins_nothing(
    database: DatabaseUrls, worker: Connection, readonly: Connection, casino: uuid.UUID
) -> None:
    other = uuid.uuid4()
    await add_casino(database, str(other))
    for asked in (None, other):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED"):
            await worker.fetch(BEGIN, "command", asked, None, None, None)
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
            async with scope(worker, [casino]):
                await worker.fetch(BEGIN, "command", asked, None, None, None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await readonly.fetch(BEGIN, "command", casino, None, None, None)


async def test_the_longest_identity_that_the_contract_allows_is_one_run(
    worker: Connection, casino: uuid.UUID
) -> None:
    # four bytes a character, and nothing that could be compressed to fit a b-tree's page
    digits = random.Random(1)
    source, name = (
        "".join(chr(digits.randrange(0x10000, 0x60000)) for _ in range(length))
        for length in (512, 256)
    )
    run = await begin(worker, casino, trigger="request", request=(source, name))
    assert await begin(worker, casino, trigger="request", request=(source, name)) == run
    assert await begin(worker, casino, trigger="request", request=(source, name[:-1])) != run
