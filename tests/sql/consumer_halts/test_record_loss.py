"""Records that the log no longer holds, and a person who accepts it."""

import asyncio
import json

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlletters import GROUP, TOPIC
from sqlslips import Connection
from sqltools import connected

_AT = (GROUP, TOPIC, 2)
_OPEN = "SELECT * FROM open_consumer_progress($1, $2, $3, $4, $5)"
_READ = "SELECT * FROM read_consumer_progress($1, $2, $3)"
_ACCEPT = "SELECT accept_record_loss($1, $2, $3, $4, $5, $6)"


async def test_the_count_begins_anew_at_the_logs_start_and_the_lost_range_is_audited(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 40)
    await operator.execute(_ACCEPT, *_AT, 1, 100, "retention was too short")

    current = await worker.fetchrow(_READ, *_AT)
    assert current is not None
    assert tuple(current) == (2, 100, 100, None, None)
    assert await superuser.fetchval(
        "SELECT closed_at IS NOT NULL FROM consumer_progress WHERE generation = 1"
    )
    audit = await superuser.fetchrow("SELECT * FROM audit_log")
    assert audit is not None
    assert (audit["casino_id"], audit["domain"]) == (None, "consumer")
    assert audit["action"] == "accept_record_loss"
    assert json.loads(audit["details"]) == {
        "consumer_group": GROUP,
        "topic": TOPIC,
        "partition": 2,
        "generation": 1,
        "lost_from": 40,
        "lost_to": 99,
        "reason": "retention was too short",
    }


@pytest.mark.parametrize(
    ("generation", "log_start"), [(1, 40), (1, 39), (1, 0), (1, None), (2, 100), (None, 100)]
)
async def test_where_nothing_is_lost_or_the_generation_is_another_nothing_changes(
    worker: Connection,
    operator: Connection,
    superuser: Connection,
    generation: int | None,
    log_start: int | None,
) -> None:
    await worker.execute(_OPEN, *_AT, None, 40)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await operator.execute(_ACCEPT, *_AT, generation, log_start, "so be it")

    current = await worker.fetchrow(_READ, *_AT)
    assert current is not None
    assert tuple(current) == (1, 40, 40, None, None)
    assert await superuser.fetchval("SELECT count(*) FROM audit_log") == 0


async def test_of_two_who_accept_the_same_loss_the_second_is_refused(
    worker: Connection, operator: Connection, superuser: Connection, database: DatabaseUrls
) -> None:
    await worker.execute(_OPEN, *_AT, None, 40)
    async with connected(database.operator) as second:
        async with operator.transaction():
            await operator.execute(_ACCEPT, *_AT, 1, 100, "first")
            attempt = asyncio.create_task(second.execute(_ACCEPT, *_AT, 1, 100, "second"))
            pid = second.get_server_pid()
            while not await superuser.fetchval("SELECT pg_blocking_pids($1) <> '{}'", pid):
                await asyncio.sleep(0.01)
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not current"):
            await attempt
    assert await superuser.fetchval("SELECT count(*) FROM consumer_progress") == 2


async def test_a_loss_is_accepted_by_an_operator_with_a_reason_and_by_nobody_else(
    worker: Connection, operator: Connection, readonly: Connection
) -> None:
    await worker.execute(_OPEN, *_AT, None, 40)
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await operator.execute(_ACCEPT, *_AT, 1, 100, " ")
    for connection in (worker, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(_ACCEPT, *_AT, 1, 100, "so be it")


@pytest.mark.parametrize("column", ["next_offset", "accrued", "first_offset", "generation"])
async def test_an_operator_cannot_move_a_position_or_a_count(
    worker: Connection, operator: Connection, column: str
) -> None:
    await worker.execute(_OPEN, *_AT, None, 40)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator.execute(f"UPDATE consumer_progress SET {column} = 1")  # noqa: S608 - ours
