"""A topic that is halted for a group, until a person ends it."""

import json

import asyncpg
import pytest

from sqlletters import GROUP, TOPIC
from sqlslips import Connection

_RECORD = "SELECT record_halt($1, $2, $3, $4, $5, $6)"
_OBSTACLES = "SELECT * FROM batch_obstacles($1, $2, 0, 0, 100)"
_END = "SELECT * FROM end_halts($1, $2)"


async def _halt(
    worker: Connection, group: str = GROUP, topic: str = TOPIC, reason: str = "breaker"
) -> None:
    await worker.execute(_RECORD, group, topic, 3, 17, reason, "100 in a row")


async def test_a_halt_stands_in_the_way_of_every_partition_until_it_is_ended(
    worker: Connection, operator: Connection
) -> None:
    before = await worker.fetchrow(_OBSTACLES, GROUP, TOPIC)
    assert before is not None
    assert tuple(before) == (None, None, None, None, [], [])
    await _halt(worker)
    halted = await worker.fetchrow(_OBSTACLES, GROUP, TOPIC)
    assert halted is not None
    assert tuple(halted) == ("breaker", "100 in a row", 3, 17, [], [])

    await operator.fetch(_END, TOPIC, "mended")
    assert await worker.fetchrow(_OBSTACLES, GROUP, TOPIC) == before


async def test_the_first_halt_stands_and_other_groups_and_topics_are_not_halted(
    worker: Connection,
) -> None:
    await _halt(worker)
    await _halt(worker, reason="unknown_error")

    assert await worker.fetchval(_OBSTACLES, GROUP, TOPIC) == "breaker"
    assert await worker.fetchval(_OBSTACLES, "other", TOPIC) is None
    assert await worker.fetchval(_OBSTACLES, GROUP, "other") is None


async def test_a_topic_that_was_resumed_can_halt_again_and_the_ended_halt_is_kept(
    worker: Connection, operator: Connection
) -> None:
    await _halt(worker)
    await operator.fetch(_END, TOPIC, "mended")
    await _halt(worker, reason="unknown_error")

    assert await worker.fetchval(_OBSTACLES, GROUP, TOPIC) == "unknown_error"
    rows = await worker.fetch("SELECT reason, end_reason FROM consumer_halt ORDER BY id")
    assert [tuple(row) for row in rows] == [("breaker", "mended"), ("unknown_error", None)]


async def test_ending_halts_of_a_topic_is_audited_and_says_who_and_why(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    await _halt(worker)
    await _halt(worker, group="other")
    await _halt(worker, topic="promotion")
    async with operator.transaction():
        await operator.execute("SELECT set_config('app.actor_name', 'Rosa', true)")
        ended = await operator.fetch(_END, TOPIC, "  mended ")

    assert {row["consumer_group"] for row in ended} == {GROUP, "other"}
    assert {(row["ended_by"], row["end_reason"]) for row in ended} == {("Rosa", "mended")}
    assert all(row["ended_at"] for row in ended)
    assert await worker.fetchval(_OBSTACLES, GROUP, "promotion") == "breaker"
    assert await operator.fetch(_END, TOPIC, "again") == []

    audits = await superuser.fetch("SELECT * FROM audit_log ORDER BY id")
    assert {(a["casino_id"], a["domain"], a["action"], a["actor_name"]) for a in audits} == {
        (None, "consumer", "resume", "Rosa")
    }
    details = json.loads(audits[0]["details"])
    assert len(audits) == 2
    assert details.pop("halted_at")
    assert details.pop("consumer_group") in {GROUP, "other"}
    assert details == {
        "topic": TOPIC,
        "partition": 3,
        "offset": 17,
        "halt_reason": "breaker",
        "reason": "mended",
    }


@pytest.mark.parametrize("reason", [None, "", " \u200b"])
async def test_without_a_reason_a_halt_stands(
    worker: Connection, operator: Connection, reason: str | None
) -> None:
    await _halt(worker)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="reason"):
        await operator.fetch(_END, TOPIC, reason)
    assert await worker.fetchval(_OBSTACLES, GROUP, TOPIC) == "breaker"


async def test_only_an_operator_ends_halts_and_only_the_worker_halts(
    worker: Connection, operator: Connection, readonly: Connection
) -> None:
    await _halt(worker)
    for connection in (worker, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(_END, TOPIC, "mended")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "UPDATE consumer_halt SET ended_at = now(), ended_by = 'me', end_reason = 'so'"
            )
    for connection in (operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _halt(connection)
        assert await connection.fetchval("SELECT count(*) FROM consumer_halt") == 1
