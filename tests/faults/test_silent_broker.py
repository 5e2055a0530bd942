"""A broker that accepts connections and answers nothing: everybody learns it at the same time."""

import asyncio

from aiokafka import AIOKafkaConsumer

from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.ports import Fault
from parts.kafka import create_topic

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
