"""Duties that one process has at a time."""

import asyncio

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
from sqltools import connected

_TAKE = "SELECT take_lease($1, $2, $3)"
_DROP = "SELECT drop_lease($1, $2)"


async def test_a_duty_is_one_holders_who_keeps_it_by_taking_it_again(worker: Connection) -> None:
    assert await worker.fetchval(_TAKE, "relay", "one", 60.0)
    assert not await worker.fetchval(_TAKE, "relay", "two", 60.0)
    assert await worker.fetchval(_TAKE, "relay", "one", 60.0)
    assert await worker.fetchval(_TAKE, "sweeper", "two", 60.0)


async def test_a_duty_that_its_holder_did_not_keep_in_time_is_anybodys(worker: Connection) -> None:
    assert await worker.fetchval(_TAKE, "relay", "one", 0.05)
    await asyncio.sleep(0.06)
    assert await worker.fetchval(_TAKE, "relay", "two", 60.0)
    assert not await worker.fetchval(_TAKE, "relay", "one", 60.0)


async def test_keeping_a_duty_lengthens_it_from_now_on(worker: Connection) -> None:
    assert await worker.fetchval(_TAKE, "relay", "one", 0.0)
    assert await worker.fetchval(_TAKE, "relay", "one", 60.0)
    assert not await worker.fetchval(_TAKE, "relay", "two", 60.0)


async def test_a_holder_gives_back_its_own_duty_and_no_other(worker: Connection) -> None:
    await worker.execute(_TAKE, "relay", "one", 60.0)
    await worker.execute(_DROP, "relay", "two")
    assert not await worker.fetchval(_TAKE, "relay", "two", 60.0)
    await worker.execute(_DROP, "relay", "one")
    assert await worker.fetchval(_TAKE, "relay", "two", 60.0)


async def test_of_many_that_ask_at_once_one_gets_it(database: DatabaseUrls) -> None:
    async def ask(holder: str) -> bool:
        async with connected(database.worker) as connection:
            taken: bool = await connection.fetchval(_TAKE, "relay", holder, 60.0)
            return taken

    answers = await asyncio.gather(*(ask(str(number)) for number in range(8)))
    assert sum(answers) == 1


@pytest.mark.parametrize("seconds", [None, float("nan")])
async def test_a_lease_without_an_end_is_none(worker: Connection, seconds: float | None) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await worker.fetchval(_TAKE, "relay", "one", seconds)
    assert await worker.fetchval(_TAKE, "relay", "two", 60.0)


async def test_only_the_worker_takes_duties(operator: Connection, readonly: Connection) -> None:
    for connection in (operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval(_TAKE, "relay", "one", 60.0)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval(_DROP, "relay", "one")
