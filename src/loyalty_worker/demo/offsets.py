"""Where a topic ends and how far its group has committed, by the broker."""

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from loyalty_worker.demo.messages import Topic
from loyalty_worker.demo.stage import PARTITIONS, TOPICS

GROUPS: Final = {
    Topic.RATING_SLIP_CLOSED: "loyalty-accrual",
    Topic.PROMOTION: "loyalty-promotion",
}


async def end_offsets(consumer: AIOKafkaConsumer, topic: Topic) -> dict[int, int]:
    """Return the end offset of each partition."""
    partitions = [TopicPartition(TOPICS[topic], number) for number in range(PARTITIONS)]
    ends = await consumer.end_offsets(partitions)
    return {at.partition: offset for at, offset in ends.items()}


async def committed_offsets(bootstrap_servers: str, topic: Topic) -> dict[int, int]:
    """Return the offset of each partition that the topic's group has committed, if any."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await client.start()
    try:
        offsets = await client.list_consumer_group_offsets(GROUPS[topic])
    finally:
        await client.close()
    return {
        at.partition: found.offset for at, found in offsets.items() if at.topic == TOPICS[topic]
    }
