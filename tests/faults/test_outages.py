"""PostgreSQL and Kafka go away under traffic, and the database comes back older than it was."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from parts.kafka import create_topic
from parts.topics import end_offsets, publish, publisher, send, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from reckoning import assert_reckoning, reckon
from slips import Message, SlipFactory, message
from sqltools import add_casino, drift_of, value_of

TOPIC = "rating-slip-closed"
GROUP = f"{TOPIC}-accrual"
OUTAGE_SECONDS = 10


@asynccontextmanager
async def traffic(kafka: str, messages: list[Message], chunk: int) -> AsyncIterator[None]:
    """Publish in chunks while the context lasts, and the rest at its end."""

    async def trickle(producer: AIOKafkaProducer) -> None:
        for first in range(0, len(messages), chunk):
            await send(producer, TOPIC, messages[first : first + chunk])
            await asyncio.sleep(0.2)

    async with publisher(kafka) as producer:
        running = asyncio.create_task(trickle(producer))
        try:
            yield
            await running
        finally:
            running.cancel()


async def outage_of_postgres(worker: WorkerProcess, postgres: EmbeddedPostgres) -> None:
    postgres.stop("immediate")
    await worker.until_ready(ready=False)
    await asyncio.sleep(OUTAGE_SECONDS)
    assert (await worker.probe("/readyz"))[0] == 503
    assert (await worker.probe("/livez"))[0] == 200
    postgres.start()
    await worker.until_ready()


async def restart_of_kafka(worker: WorkerProcess, kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(kafka.stop)
    await worker.until_ready(ready=False)
    assert (await worker.probe("/livez"))[0] == 200
    await asyncio.to_thread(kafka.start)
    await worker.until_ready()


async def test_outages_of_postgres_and_kafka_under_traffic_lose_and_double_nothing(
    private_postgres: EmbeddedPostgres,
    private_database: DatabaseUrls,
    private_kafka: EmbeddedKafka,
    directory: Path,
) -> None:
    kafka = private_kafka.bootstrap_servers
    await create_topic(kafka, TOPIC, 3)
    factory = SlipFactory(players=50)
    await add_casino(private_database, factory.casino_id)
    slips = [message(factory.event()) for _ in range(4_000)]
    environment = worker_environment(private_database, kafka, TOPIC)
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        async with traffic(kafka, slips, chunk=50):
            await outage_of_postgres(worker, private_postgres)
            await restart_of_kafka(worker, private_kafka)
        await until_no_lag(kafka, GROUP, TOPIC)
        # A fault that is retried without a pause comes back thousands of times in such an outage.
        assert 0 < len(worker.events("partition_backs_off")) < 300
        assert not worker.events("partition_task_died")
    ends = await end_offsets(kafka, TOPIC)
    await assert_reckoning(
        private_database.superuser,
        topic=TOPIC,
        group=GROUP,
        ends=ends,
        expected=reckon(kafka, TOPIC, ends),
    )
    assert await value_of(private_database, "SELECT count(*) FROM dead_letter") == 0
    assert await drift_of(private_database, factory.casino_id) == []


async def test_a_database_restored_to_an_earlier_copy_catches_up_from_the_topic_by_itself(
    private_postgres: EmbeddedPostgres,
    private_database: DatabaseUrls,
    private_kafka: EmbeddedKafka,
    directory: Path,
) -> None:
    kafka = private_kafka.bootstrap_servers
    await create_topic(kafka, TOPIC, 3)
    factory = SlipFactory(players=50)
    await add_casino(private_database, factory.casino_id)
    environment = worker_environment(
        private_database, kafka, TOPIC, LOYALTY_POSITION_CHECK_SECONDS="1"
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka, TOPIC, [message(factory.event()) for _ in range(300)])
        await until_no_lag(kafka, GROUP, TOPIC)
        data, copy = private_postgres.data, directory / "copy"
        private_postgres.stop("fast")
        await worker.until_ready(ready=False)
        subprocess.run(["cp", "-a", data, copy], check=True)  # noqa: ASYNC221, S607 - keeps owners
        private_postgres.start()
        await worker.until_ready()
        await publish(kafka, TOPIC, [message(factory.event()) for _ in range(300)])
        await until_no_lag(kafka, GROUP, TOPIC)
        private_postgres.stop("fast")
        await worker.until_ready(ready=False)
        subprocess.run(["rm", "-rf", data], check=True)  # noqa: ASYNC221, S607 - as above
        subprocess.run(["cp", "-a", copy, data], check=True)  # noqa: ASYNC221, S607 - as above
        private_postgres.start()
        assert await value_of(private_database, "SELECT count(*) FROM loyalty_ledger") == 300
        async with asyncio.timeout(60):
            while await value_of(private_database, "SELECT count(*) FROM loyalty_ledger") < 600:
                await asyncio.sleep(0.1)
        await until_no_lag(kafka, GROUP, TOPIC)
    ends = await end_offsets(kafka, TOPIC)
    await assert_reckoning(
        private_database.superuser,
        topic=TOPIC,
        group=GROUP,
        ends=ends,
        expected=reckon(kafka, TOPIC, ends),
    )
