"""Requests for a drift check on a running worker: each one run, whatever happens meanwhile."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from conftest import TopicFactory
from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits
from loyalty_worker.database.drift_checks import PostgresDriftChecks
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import DriftRequest
from parts.drift import FINISHED, SOURCE, DriftHouse, drift_house, request
from parts.proxy import TcpProxy
from parts.source import Part
from parts.topics import publisher, send
from parts.traffic import Traffic
from parts.worker import WorkerProcess
from slips import Message
from sqltools import add_casino, connected, drift_of, seem_busy, value_of

CHECKS = 50
CHUNK = ChunkLimits().players
PLAYERS = 4 * CHUNK
PARTITIONS = 2
SESSION_SECONDS = 6
UNBOUNDED = 1_000_000
CHUNKS_OF = 7
ENTRIES = "SELECT count(*) FROM loyalty_ledger"


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[DriftHouse]:
    async with drift_house(database, kafka.address, create_topic, directory, PARTITIONS) as house:
        yield house


async def test_50_checks_amid_the_full_traffic_of_two_workers_raise_no_false_alarm(
    house: DriftHouse,
) -> None:
    """The first half finds nothing; the others, some in small chunks, the one who drifts."""
    traffic = Traffic(11, house.slips, house.promotions)
    await add_casino(house.database, traffic.casino_id)
    parts = "accrual,promotion,sweeper,drift"
    async with (
        house.worker(parts, "first"),
        house.worker(parts, "second"),
        traffic.flowing(house.kafka, UNBOUNDED),
    ):
        await house.until("SELECT (count(*) >= 200)::integer FROM loyalty_ledger", 1)
        before = await value_of(house.database, ENTRIES)
        await ask_one_after_another(house, range(CHECKS // 2))
        await house.plant(1, balance=5, casino_id=traffic.casino_id)
        in_chunks = asyncio.create_task(checked_in_small_chunks(house.database, CHECKS // 5))
        await ask_one_after_another(house, range(CHECKS // 2, CHECKS - CHECKS // 5))
        await in_chunks
        grown = await value_of(house.database, ENTRIES) - before
    runs = await house.runs()
    verdicts = Counter((run["verdict"], run["players_drifted"]) for run in runs)
    assert verdicts == {("clean", 0): CHECKS // 2, ("drift", 1): CHECKS - CHECKS // 2}
    assert min(run["players_checked"] for run in runs) > CHUNKS_OF
    assert len({run["entries_checked"] for run in runs}) > CHECKS / 2
    assert grown > 500
    drifting = await drift_of(house.database, traffic.casino_id)
    assert [row["kind"] for row in drifting] == ["cache_without_entries"]


async def ask_one_after_another(house: DriftHouse, numbers: range) -> None:
    """Publish requests while others are worked on, and wait until all so far are answered."""
    async with publisher(house.kafka) as producer:
        for number in numbers:
            check = request(f"check {number}", partition=number % PARTITIONS)
            await send(producer, house.requests, [check])
            await asyncio.sleep(0.1)
    await house.until(f"{FINISHED} AND trigger = 'request'", numbers.stop, seconds=60)


async def checked_in_small_chunks(database: DatabaseUrls, times: int) -> None:
    """Check so often, each time in many statements with traffic in between."""
    limits = ChunkLimits(players=CHUNKS_OF, load=1.0)
    async with asyncpg.create_pool(database.worker, min_size=1, max_size=1) as pool:
        checks = PostgresDriftChecks(pool, 10.0, alerts_topic="alerts", source="/test")
        for _ in range(times):
            await CheckDrift(checks, limits)(DriftRequest("command"), lambda _chunk: None)


async def test_a_check_longer_than_a_session_keeps_its_member_and_another_goes_on_with_it(
    house: DriftHouse,
) -> None:
    await house.plant(PLAYERS)
    await seem_busy(house.database)
    async with (
        house.worker("drift", "slow", LOYALTY_DRIFT_CHECK_LOAD="0.002") as slow,
        house.worker("drift", "other") as other,
    ):
        partition = await until_shared(house, slow, other)
        assigned = [one.events("partitions_assigned") for one in (slow, other)]
        await house.ask(request("long", partition=partition))
        await house.until("SELECT (max(players_checked) > 0)::integer FROM drift_check_run", 1)
        for _ in range(SESSION_SECONDS + 1):
            assert [(await slow.probe(page))[0] for page in ("/livez", "/readyz")] == [200, 200]
            await asyncio.sleep(1)
        assert [one.events("partitions_assigned") for one in (slow, other)] == assigned
        await slow.kill()
        (stood,) = await house.runs()
        await drift_first_and_last(house)
        await house.answered()
    (run,) = await house.runs()
    assert 0 < stood["players_checked"] < PLAYERS
    assert stood["finished_at"] is None
    assert run["id"] == stood["id"]
    assert [line["run"] for line in other.events("drift_check_finished")] == [str(run["id"])]
    assert run["players_checked"] == PLAYERS
    last = await house.rows("SELECT player_id FROM player_loyalty ORDER BY 1 DESC LIMIT 1")
    assert await house.rows("SELECT player_id FROM drift_finding") == last


async def until_shared(house: DriftHouse, slow: WorkerProcess, other: WorkerProcess) -> int:
    """Wait until each worker consumes one partition of the requests; return the slow one's."""

    async def held_by(worker: WorkerProcess) -> list[int]:
        polled = "loyalty_consumer_last_poll_timestamp_seconds"
        return [
            partition
            for partition in range(PARTITIONS)
            if await worker.metric(polled, topic=house.requests, partition=str(partition))
        ]

    async with asyncio.timeout(30):
        while len(held := await held_by(slow)) != 1 or len(await held_by(other)) != 1:
            await asyncio.sleep(0.1)
    return held[0]


async def drift_first_and_last(house: DriftHouse) -> None:
    """Let the balances of the first and the last player of the walk drift."""
    async with connected(house.database.superuser) as connection:
        await connection.execute(
            "UPDATE player_loyalty SET current_balance = 50 WHERE player_id IN ("
            " (SELECT player_id FROM player_loyalty ORDER BY 1 LIMIT 1),"
            " (SELECT player_id FROM player_loyalty ORDER BY 1 DESC LIMIT 1))"
        )


async def test_what_is_no_request_becomes_a_letter_with_a_copy_and_one_is_one_run_however_often(
    house: DriftHouse,
) -> None:
    known, unknown = house.factory.casino_id, str(uuid.uuid4())
    bad = [Message(b"check", b"no request", partition=0), request("of nobody", unknown, 0)]
    again = [request("sound", known, number % PARTITIONS) for number in range(4)]
    async with house.worker("drift,relay"):
        await house.ask(*bad, *again)
        await house.answered()
        copies = await house.published(f"{house.requests}.dlq", 2)
    letters = await house.rows("SELECT reason, sqlstate, value FROM dead_letter ORDER BY id")
    assert [tuple(letter) for letter in letters] == [
        ("EVENT_UNDECODABLE", None, bad[0].value),
        ("LOYALTY_CASINO_UNKNOWN", Refusal.LOYALTY_CASINO_UNKNOWN.value, bad[1].value),
    ]
    assert [(one.key(), one.value()) for one in copies] == [(one.key, one.value) for one in bad]
    (run,) = await house.runs()
    assert (run["request_source"], run["request_id"]) == (SOURCE, "sound")
    assert (str(run["casino_id"]), run["verdict"]) == (known, "clean")


async def test_a_check_goes_on_once_its_database_is_back(house: DriftHouse) -> None:
    await house.plant(CHUNK + 1)
    await seem_busy(house.database)
    port = urlsplit(house.database.worker).port or 0
    with TcpProxy(port) as proxy:
        async with house.worker(
            "drift",
            LOYALTY_DATABASE_URL=house.database.worker.replace(f":{port}/", f":{proxy.port}/"),
            LOYALTY_DRIFT_CHECK_LOAD="0.02",
        ) as worker:
            await house.ask(request("long"))
            await house.until("SELECT max(players_checked) FROM drift_check_run", CHUNK)
            (begun,) = await house.runs()
            with proxy.cut_off():
                async with asyncio.timeout(20):
                    while not worker.events("partition_backs_off"):
                        await asyncio.sleep(0.05)
            await house.answered()
    (run,) = await house.runs()
    assert (begun["id"], begun["finished_at"]) == (run["id"], None)
    assert (run["players_checked"], run["verdict"]) == (CHUNK + 1, "clean")
