"""What is committed, when, and by whom: aiokafka's and FastStream's own ways lose records here."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from conftest import TopicFactory
from integration.conftest import Casino
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import committed_offsets, end_offsets, publish, until_no_lag
from parts.worker import running_worker, worker_environment
from slips import SlipFactory, message
from sqltools import add_casino, connected, fail_slips, mend_slips, row_of, value_of


async def test_a_partition_that_waits_commits_nothing_while_its_neighbour_flows_and_catches_up(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(2)
    waiting, flowing = SlipFactory(1), SlipFactory(2)
    for factory in (waiting, flowing):
        await add_casino(database, factory.casino_id)
    await fail_slips(database, f"NEW.casino_id = '{waiting.casino_id}'", "53100")
    environment = worker_environment(database, kafka.address, topic)
    group = f"{topic}-accrual"
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        await publish(kafka.address, topic, [message(waiting.event(), 0) for _ in range(20)])
        await publish(kafka.address, topic, [message(flowing.event(), 1) for _ in range(50)])
        await worker.until_ready(ready=False)
        async with asyncio.timeout(30):
            while await committed_offsets(kafka.address, group, topic) != {1: 50}:
                await asyncio.sleep(0.1)
        assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 50
        async with asyncio.timeout(30):
            while await worker.metric("loyalty_consumer_lag_records", partition="0") != 20:
                await asyncio.sleep(0.1)
        assert await worker.metric("loyalty_consumer_paused_partitions", reason="backoff") == 1
        await mend_slips(database)
        await until_no_lag(kafka.address, group, topic)
        await worker.until_ready()
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 70
    assert {line["sqlstate"] for line in worker.events("partition_backs_off")} == {"53100"}


async def test_a_record_without_a_timestamp_is_as_old_as_its_lag_is_known(casino: Casino) -> None:
    await fail_slips(casino.database, "true", "53100")
    record = message(casino.slips.event())
    async with AIOKafkaProducer(bootstrap_servers=casino.kafka) as producer:
        await producer.send_and_wait(
            casino.topic, record.value, headers=list(record.headers), timestamp_ms=-1
        )
    async with asyncio.timeout(30):
        while await casino.worker.metric("loyalty_consumer_lag_records") == 0:
            await asyncio.sleep(0.1)
        while (age := await casino.worker.metric("loyalty_consumer_lag_seconds")) == 0:
            await asyncio.sleep(0.1)
    assert age < 3600


async def test_a_second_worker_takes_over_partitions_without_reading_a_record_twice(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(4)
    factory = SlipFactory(players=100)
    await add_casino(database, factory.casino_id)
    environment = worker_environment(database, kafka.address, topic, LOYALTY_BATCH_MAX_RECORDS="20")
    published = 0
    async with running_worker(environment, directory, "first") as first:
        await first.until_ready()
        async with running_worker(environment, directory, "second") as second, asyncio.timeout(60):
            while await second.metric("loyalty_events_total", outcome="accrued") < 200:
                await publish(kafka.address, topic, [message(factory.event()) for _ in range(100)])
                published += 100
            await until_no_lag(kafka.address, f"{topic}-accrual", topic)
            for worker in (first, second):
                assert await worker.metric("loyalty_consumer_redelivered_records_total") == 0
                assert await worker.metric("loyalty_consumer_assigned_partitions") == 2
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == published


async def test_a_wait_survives_a_rebalance(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(2)
    waiting = SlipFactory(1)
    await add_casino(database, waiting.casino_id)
    await fail_slips(database, f"NEW.casino_id = '{waiting.casino_id}'", "53100")
    environment = worker_environment(database, kafka.address, topic)
    async with running_worker(environment, directory, "first") as first:
        await first.until_ready()
        await publish(kafka.address, topic, [message(waiting.event(), p) for p in (0, 1)])
        await first.until_ready(ready=False)
        async with running_worker(environment, directory, "second") as second:
            async with asyncio.timeout(30):
                while not second.events("partition_backs_off"):
                    await asyncio.sleep(0.1)
            for worker in (first, second):
                await worker.until_ready(ready=False)
                waits = worker.events("partition_backs_off")
                assert {wait["sqlstate"] for wait in waits} == {"53100"}
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 0


async def test_a_topic_that_is_created_again_is_read_from_its_beginning_under_a_new_generation(
    casino: Casino,
) -> None:
    await casino.publish(*(message(casino.slips.event()) for _ in range(5)))
    await casino.settle()
    async with connected(casino.database.superuser) as connection:
        await connection.execute(
            "UPDATE consumer_progress SET last_record_hash = sha256('another')"
        )
    assert await casino.worker.terminate() == 0
    await casino.worker.start()
    await casino.worker.until_ready()
    await casino.publish(message(casino.slips.event()))
    await casino.settle()
    generations = await value_of(casino.database, "SELECT max(generation) FROM consumer_progress")
    assert generations == 2
    assert len(casino.worker.events("topic_recreated")) == 1
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 6


async def test_records_deleted_before_they_were_read_halt_the_partition(casino: Casino) -> None:
    await casino.publish(*(message(casino.slips.event()) for _ in range(5)))
    await casino.settle()
    async with connected(casino.database.superuser) as connection:
        await connection.execute(
            "UPDATE consumer_progress SET next_offset = 3, duplicate = 0, accrued = 3,"
            " last_record_offset = NULL, last_record_hash = NULL"
        )
    assert await casino.worker.terminate() == 0
    await delete_records(casino.kafka, casino.topic, 5)
    await casino.worker.start()
    await casino.worker.until_ready(ready=False)
    async with asyncio.timeout(30):
        while not casino.worker.events("partition_halted"):
            await asyncio.sleep(0.1)
    halted = casino.worker.events("partition_halted")[0]
    assert halted["reason"] == "records_lost"
    assert f"`loyalty resume {casino.topic} --accept-loss --reason …`" in halted["hint"]
    assert (await end_offsets(casino.kafka, casino.topic))[0] == 5


async def test_a_letter_whose_cause_is_mended_is_resolved_when_its_record_is_read_again(
    casino: Casino,
) -> None:
    stranger = SlipFactory(seed=99)
    await casino.publish(message(stranger.event()), message(casino.slips.event()))
    await casino.settle()
    assert await casino.worker.terminate() == 0
    await add_casino(casino.database, stranger.casino_id)
    await delete_group(casino.kafka, casino.group)
    await casino.worker.start()
    await casino.settle()
    letter = await row_of(casino.database, "SELECT status, attempts FROM dead_letter")
    assert tuple(letter) == ("resolved", 1)
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 2
    assert await casino.worker.metric("loyalty_consumer_redelivered_records_total") == 2
    counts = await row_of(
        casino.database,
        "SELECT next_offset, accrued, duplicate, dead_lettered FROM consumer_progress",
    )
    assert tuple(counts) == (2, 1, 0, 1)


async def delete_group(kafka: str, group: str) -> None:
    client = AdminClient({"bootstrap.servers": kafka})
    for future in client.delete_consumer_groups([group]).values():
        await asyncio.to_thread(future.result, 10)


async def delete_records(kafka: str, topic: str, before: int) -> None:
    client = AdminClient({"bootstrap.servers": kafka})
    for future in client.delete_records([ConfluentPartition(topic, 0, before)]).values():
        await asyncio.to_thread(future.result, 10)
