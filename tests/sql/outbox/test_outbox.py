"""Records that wait to be published, and the ticks that put some of them there."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
from sqltools import connected

_CLAIM = "SELECT claim_drift_tick($1, $2, 'requests', $3, $4, $5)"
_TICK = datetime(2026, 3, 14, 3, tzinfo=UTC)
_HEADERS = '[["YQ==", null]]'


async def _claim(connection: Connection, tick: datetime, name: str = "worker") -> bool:
    claimed: bool = await connection.fetchval(
        _CLAIM, tick, name, b"\x00key", b"\xffvalue", _HEADERS
    )
    return claimed


async def _pending(connection: Connection, limit: int = 100) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT * FROM pending_outbox($1)", limit)]


async def test_records_come_oldest_first_byte_for_byte_and_go_once_acknowledged(
    worker: Connection,
) -> None:
    for day in range(5):
        assert await _claim(worker, _TICK + timedelta(days=day))
    rows = await worker.fetch("SELECT * FROM pending_outbox(3)")
    assert [tuple(row)[1:] for row in rows] == [
        ("requests", b"\x00key", b"\xffvalue", _HEADERS) for _ in range(3)
    ]
    ids = await _pending(worker)
    assert ids == sorted(ids)
    assert await _pending(worker, 3) == ids[:3]
    await worker.execute("SELECT delete_outbox($1)", [ids[0], ids[2], 10**6])
    assert await _pending(worker) == [ids[1], *ids[3:]]
    await worker.execute("SELECT delete_outbox($1)", ids)
    assert await _pending(worker) == []


async def test_of_each_topic_as_many_come_so_that_none_holds_up_another(worker: Connection) -> None:
    rows = [*["alerts"] * 5, *["requests"] * 3, *["alerts"] * 2, "others"]
    for topic in rows:
        await worker.execute(
            "INSERT INTO outbox_record (topic, value, headers) VALUES ($1, 'x', '[]')", topic
        )
    found = await worker.fetch("SELECT id, topic FROM pending_outbox(4)")
    assert [row["topic"] for row in found] == [*["alerts"] * 4, *["requests"] * 3, "others"]
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)


async def test_of_those_who_claim_a_tick_one_gets_it_and_one_request_is_published(
    database: DatabaseUrls, worker: Connection
) -> None:
    async with connected(database.worker) as second, connected(database.worker) as third:
        claims = await asyncio.gather(
            *(_claim(each, _TICK, str(n)) for n, each in enumerate((worker, second, third)))
        )
    assert sorted(claims) == [False, False, True]
    assert len(await _pending(worker)) == 1
    assert await worker.fetchval("SELECT claimed_by FROM drift_tick") == str(claims.index(True))


async def test_a_claim_that_was_rolled_back_is_no_claim(worker: Connection) -> None:
    transaction = worker.transaction()
    await transaction.start()
    assert await _claim(worker, _TICK)
    await transaction.rollback()
    assert await worker.fetchval("SELECT last_drift_tick()") is None
    assert await _claim(worker, _TICK)


async def test_the_newest_tick_is_the_latest_and_not_the_one_claimed_last(
    worker: Connection,
) -> None:
    for tick in (_TICK, _TICK + timedelta(days=1), _TICK - timedelta(days=1)):
        assert await _claim(worker, tick)
    assert await worker.fetchval("SELECT last_drift_tick()") == _TICK + timedelta(days=1)


async def test_a_tick_claimed_ahead_of_time_by_a_wrong_clock_is_not_the_newest(
    worker: Connection,
) -> None:
    for tick in (_TICK, datetime(2100, 1, 1, tzinfo=UTC)):
        assert await _claim(worker, tick)
    assert await worker.fetchval("SELECT last_drift_tick()") == _TICK


async def test_only_the_worker_publishes_and_nobody_changes_a_record(
    worker: Connection, operator: Connection, readonly: Connection
) -> None:
    await _claim(worker, _TICK)
    for other in (operator, readonly):
        for statement in (
            "SELECT delete_outbox('{1}')",
            "SELECT * FROM pending_outbox(1)",
            "DELETE FROM outbox_record",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await other.execute(statement)
    for connection in (worker, operator, readonly):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE outbox_record SET value = ''")
