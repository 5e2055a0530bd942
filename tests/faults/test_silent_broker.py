"""A broker that accepts connections and answers nothing: everybody learns it at the same time."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import Fault
from parts.kafka import create_topic
from parts.worker import running_worker, worker_environment

TOPIC = "rating-slip-closed"
PARTITIONS = 12


async def test_partitions_that_ask_at_once_share_one_timeout(
    private_kafka: EmbeddedKafka,
) -> None:
    kafka = private_kafka.bootstrap_servers
    await create_topic(kafka, TOPIC, PARTITIONS)
    built = 0

    def build() -> AIOKafkaConsumer:
        nonlocal built
        built += 1
        return AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)

    inspector = LogInspector(build, 1.0)
    asked = [PartitionId(TOPIC, partition) for partition in range(PARTITIONS)]
    await asyncio.gather(*(inspector.bounds(at) for at in asked))
    private_kafka.pause()
    try:
        answers = await asyncio.gather(
            *(inspector.bounds(at) for at in asked), return_exceptions=True
        )
    finally:
        private_kafka.resume()
    assert all(isinstance(answer, Fault) for answer in answers)
    assert built == 1
    async with asyncio.timeout(30):
        while True:
            try:
                await inspector.bounds(asked[0])
            except Fault:
                await asyncio.sleep(0.1)
            else:
                break
    await inspector.close()


async def test_sigterm_does_not_wait_for_a_broker_that_says_nothing(
    private_kafka: EmbeddedKafka, database: DatabaseUrls, directory: Path
) -> None:
    await create_topic(private_kafka.bootstrap_servers, TOPIC, 1)
    environment = worker_environment(
        database,
        private_kafka.bootstrap_servers,
        TOPIC,
        LOYALTY_DATABASE_LOCK_TIMEOUT_MS="500",
        LOYALTY_DATABASE_STATEMENT_TIMEOUT_MS="1000",
        LOYALTY_DRAIN_TIMEOUT_SECONDS="2",
        LOYALTY_GRACEFUL_TIMEOUT_SECONDS="4",
    )
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        private_kafka.pause()
        try:
            assert await worker.terminate() == 0
        finally:
            private_kafka.resume()
        assert worker.events("group_not_left")[0]["seconds"] == 2
