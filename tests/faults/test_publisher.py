"""The simulation's publisher against a broker that restarts, and one that answers no more."""

import asyncio
from datetime import date

import pytest

from loyalty_worker.demo import publisher
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Message, Topic
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.publishing.topics import KafkaUnavailable
from parts.kafka import create_topic
from parts.topics import end_offsets

TOPIC = "rating-slip-closed"
TOPICS = {Topic.RATING_SLIP_CLOSED: TOPIC}
PLAN = EveningPlan(casinos=1, slips=400, seed=1, day=date(2026, 3, 14))


async def test_a_silent_broker_ends_publishing_and_only_confirmed_messages_were_reported(
    private_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_TIMEOUT_SECONDS", 3.0)
    await create_topic(private_kafka.bootstrap_servers, TOPIC)
    confirmed: list[Message] = []

    def report(message: Message) -> None:
        confirmed.append(message)
        if len(confirmed) == 100:
            private_kafka.pause()

    options = {"bootstrap_servers": [private_kafka.bootstrap_servers]}
    try:
        async with asyncio.timeout(60):
            with pytest.raises(KafkaUnavailable, match="nothing was confirmed"):
                await publisher.publish(options, TOPICS, evening(PLAN), 200, report)
    finally:
        private_kafka.resume()
    ends = await end_offsets(private_kafka.bootstrap_servers, TOPIC)
    assert 100 <= len(confirmed) <= ends[0] < PLAN.slips


async def test_a_restart_of_the_broker_loses_and_repeats_no_message(
    private_kafka: EmbeddedKafka,
) -> None:
    await create_topic(private_kafka.bootstrap_servers, TOPIC)
    confirmed: list[Message] = []
    options = {"bootstrap_servers": [private_kafka.bootstrap_servers]}
    publishing = asyncio.create_task(
        publisher.publish(options, TOPICS, evening(PLAN), 200, confirmed.append)
    )
    while len(confirmed) < 100:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(private_kafka.stop)
    await asyncio.to_thread(private_kafka.start)
    await publishing
    assert confirmed == list(evening(PLAN))
    assert await end_offsets(private_kafka.bootstrap_servers, TOPIC) == {0: len(confirmed)}
