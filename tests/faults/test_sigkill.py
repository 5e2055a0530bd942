"""Two workers, one of them killed again and again: nothing lost, nothing doubled."""

import asyncio
import json
import random
from pathlib import Path

import asyncpg

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import committed_offsets, end_offsets, publish, until_no_lag
from parts.worker import running_worker, worker_environment
from reckoning import assert_reckoning, reckon
from slips import Message, SlipFactory, message
from sqltools import add_casino, drift_of

SLIPS = 10_000
GARBAGE = 200
PARTITIONS = 6
KILLS = 3


def garbage(factory: SlipFactory, rng: random.Random) -> Message:
    """Return one of several kinds of record that can never succeed."""
    event = factory.event()
    kind = rng.randrange(5)
    if kind == 0:
        return Message(b"key", b'{"specversion": "1.0", "id": ')
    if kind == 1:
        return Message(b"key", bytes(rng.randrange(256) for _ in range(40)))
    if kind == 2:
        return Message(b"key", None)
    if kind == 3:
        event["data"]["average_bet"] = -1
    else:
        event["data"]["duration_seconds"] = "an hour"
    return Message(b"key", json.dumps(event).encode())


def traffic(seed: int) -> tuple[SlipFactory, list[Message]]:
    """Return every slip twice, the second time in another order, with garbage among them."""
    factory = SlipFactory(seed, players=300)
    rng = factory.rng
    slips = [
        message(factory.ghost() if number % 20 == 0 else factory.event()) for number in range(SLIPS)
    ]
    again = rng.sample(slips, len(slips))
    everything = slips + again
    for _ in range(GARBAGE):
        everything.insert(rng.randrange(len(everything)), garbage(factory, rng))
    return factory, everything


async def processed(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        total: int = await connection.fetchval(
            "SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM consumer_progress"
        )
    finally:
        await connection.close()
    return total


async def test_killed_three_times_amid_20000_records_loses_and_doubles_nothing(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(PARTITIONS)
    factory, everything = traffic(seed=20_260_314)
    await add_casino(database, factory.casino_id)
    environment = worker_environment(
        database, kafka.address, topic, LOYALTY_BATCH_MAX_RECORDS="100"
    )
    async with (
        running_worker(environment, directory, "steady"),
        running_worker(environment, directory, "victim") as victim,
    ):
        publishing = asyncio.create_task(publish(kafka.address, topic, everything))
        for kill in range(1, KILLS + 1):
            async with asyncio.timeout(60):
                while await processed(database.superuser) < len(everything) * kill // (KILLS + 2):
                    await asyncio.sleep(0.01)
            await victim.kill()
            await victim.start()
        await publishing
        await until_no_lag(kafka.address, f"{topic}-accrual", topic, seconds=120)
        assert await victim.terminate() == 0
    ends = await end_offsets(kafka.address, topic)
    assert sum(ends.values()) == len(everything)
    await assert_reckoning(
        database.superuser,
        topic=topic,
        group=f"{topic}-accrual",
        ends=ends,
        expected=reckon(kafka.address, topic, ends),
    )
    assert await committed_offsets(kafka.address, f"{topic}-accrual", topic) == ends
    assert await drift_of(database, factory.casino_id) == []
