"""A topic is deleted and created again under a running worker: nothing on the new one is missed."""

import asyncio
import signal
from pathlib import Path

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import create_topic as create_topic_named
from parts.kafka import delete_topics
from parts.source import Part
from parts.topics import publish, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from slips import SlipFactory, message
from sqltools import add_casino, value_of


async def until_entries(database: DatabaseUrls, wanted: int, worker: WorkerProcess) -> None:
    try:
        async with asyncio.timeout(60):
            while await value_of(database, "SELECT count(*) FROM loyalty_ledger") != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        found = await value_of(database, "SELECT count(*) FROM loyalty_ledger")
        raise AssertionError(f"{found} entries, not {wanted}\n{worker.tail()}") from None


async def create_again(kafka: str, topic: str, partitions: int) -> None:
    await delete_topics(kafka, [topic])
    async with asyncio.timeout(30):
        while True:
            try:
                await create_topic_named(kafka, topic, partitions)
            except RuntimeError:  # the broker is still deleting
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_new_topic_that_soon_holds_more_than_the_former_one_is_read_from_its_beginning(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(1)
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    environment = worker_environment(
        database, kafka.address, topic, LOYALTY_POSITION_CHECK_SECONDS="3"
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(20)])
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        # the worker must not see the gap between the two topics
        worker.signal(signal.SIGSTOP)
        await create_again(kafka.address, topic, 1)
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(60)])
        worker.signal(signal.SIGCONT)
        await until_entries(database, 80, worker)
        await worker.until_ready()
    assert await value_of(database, "SELECT max(generation) FROM consumer_progress") == 2


async def test_the_new_topic_is_recognised_after_a_kill_though_some_of_it_was_posted_as_the_former(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(1)
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    environment = worker_environment(
        database, kafka.address, topic, LOYALTY_POSITION_CHECK_SECONDS="3600"
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(20)])
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        worker.signal(signal.SIGSTOP)
        await create_again(kafka.address, topic, 1)
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(60)])
        worker.signal(signal.SIGCONT)
        await until_entries(database, 60, worker)
        await worker.kill()
        await worker.start()
        await until_entries(database, 80, worker)
    assert await value_of(database, "SELECT max(generation) FROM consumer_progress") == 2


async def test_a_group_without_partitions_soon_notices_the_new_topic_and_all_its_partitions(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(1)
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    async with running_worker(
        worker_environment(database, kafka.address, topic), directory
    ) as worker:
        await worker.until_ready()
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(20)])
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        await create_again(kafka.address, topic, 3)
        await publish(kafka.address, topic, [message(factory.event(), n % 3) for n in range(9)])
        await until_entries(database, 29, worker)
        assert await worker.metric("loyalty_consumer_assigned_partitions") == 3
