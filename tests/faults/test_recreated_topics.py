"""A topic is deleted and created again under a running worker: nothing on the new one is missed."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def worker_on_a_topic_created_again(
    database: DatabaseUrls, kafka: str, topic: str, directory: Path, check_seconds: int
) -> AsyncIterator[WorkerProcess]:
    """Give a worker that has read 20 records of a topic, created again since with 60 others."""
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    environment = worker_environment(
        database, kafka, topic, LOYALTY_POSITION_CHECK_SECONDS=str(check_seconds)
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka, topic, [message(factory.event()) for _ in range(20)])
        await until_no_lag(kafka, f"{topic}-accrual", topic)
        # the worker must not see the gap between the two topics
        worker.signal(signal.SIGSTOP)
        await create_again(kafka, topic, 1)
        await publish(kafka, topic, [message(factory.event()) for _ in range(60)])
        worker.signal(signal.SIGCONT)
        yield worker


async def test_a_new_topic_that_soon_holds_more_than_the_former_one_is_read_from_its_beginning(
    database: DatabaseUrls, kafka: Part, topic: str, directory: Path
) -> None:
    async with worker_on_a_topic_created_again(
        database, kafka.address, topic, directory, check_seconds=3
    ) as worker:
        await until_entries(database, 80, worker)
        await worker.until_ready()
    assert await value_of(database, "SELECT max(generation) FROM consumer_progress") == 2


async def test_the_new_topic_is_recognised_after_a_kill_though_some_of_it_was_posted_as_the_former(
    database: DatabaseUrls, kafka: Part, topic: str, directory: Path
) -> None:
    async with worker_on_a_topic_created_again(
        database, kafka.address, topic, directory, check_seconds=3600
    ) as worker:
        await until_entries(database, 60, worker)
        await worker.kill()
        await worker.start()
        await until_entries(database, 80, worker)
    assert await value_of(database, "SELECT max(generation) FROM consumer_progress") == 2


async def test_the_record_that_tells_a_topic_is_kept_fresh_where_records_are_rare(
    database: DatabaseUrls, kafka: Part, topic: str, directory: Path
) -> None:
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    environment = worker_environment(
        database, kafka.address, topic, LOYALTY_POSITION_CHECK_SECONDS="3"
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka.address, topic, [message(factory.event())])
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        await asyncio.sleep(4.6)  # a look without a record comes in between
        await publish(kafka.address, topic, [message(factory.event())])
        await until_entries(database, 2, worker)
    assert await value_of(database, "SELECT last_record_offset FROM consumer_progress") == 1


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
