"""Records that the client library cannot read: their partition waits, the others flow on."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

from aiokafka.record.util import calc_crc32c

from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import create_topic
from parts.topics import committed_offsets, publish, until_no_lag
from parts.worker import running_worker, worker_environment
from slips import STRUCTURED, Message, SlipFactory, message
from sqltools import add_casino, value_of

TOPIC = "rating-slip-closed"
GROUP = f"{TOPIC}-accrual"
# Where things stand in a record batch, in bytes.
_LENGTH_AT, _HEAD, _CRC_AT, _COVERED_FROM = 8, 12, 17, 21
BEFORE = 3


def spoil_value(segment: bytearray) -> None:
    """Change the last record's bytes, as a failing disk would."""
    segment[-3] ^= 0xFF


def spoil_header_name(segment: bytearray) -> None:
    """Make a header's name no UTF-8, as a producer in another language can."""
    at = segment.index(b"wild-name")
    segment[at : at + 2] = b"\xff\xfe"
    batch, end = 0, 0
    while end <= at:
        batch, end = end, end + _HEAD + struct.unpack_from(">I", segment, end + _LENGTH_AT)[0]
    covered = bytes(segment[batch + _COVERED_FROM : end])
    struct.pack_into(">I", segment, batch + _CRC_AT, calc_crc32c(covered))


def segment_of(kafka: EmbeddedKafka) -> Path:
    """Return the file that holds the records of the first partition."""
    (segment,) = kafka.log.parent.rglob(f"{TOPIC}-0/*.log")
    return segment


async def assert_that_the_partition_waits_and_its_neighbour_flows(
    kafka: EmbeddedKafka,
    database: DatabaseUrls,
    spoil: Callable[[bytearray], None],
    said: tuple[str, str],
) -> None:
    event, reason = said
    await create_topic(kafka.bootstrap_servers, TOPIC, 2)
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    wild = (*STRUCTURED, ("wild-name", b"x"))
    first = message(factory.event(), 0)
    good = [message(factory.event(), 0) for _ in range(BEFORE)]
    await publish(kafka.bootstrap_servers, TOPIC, good)
    await publish(
        kafka.bootstrap_servers, TOPIC, [Message(first.key, first.value, wild, partition=0)]
    )
    await publish(kafka.bootstrap_servers, TOPIC, [message(factory.event(), 1) for _ in range(40)])
    kafka.stop()
    segment = segment_of(kafka)
    whole = segment.read_bytes()
    spoiled = bytearray(whole)
    spoil(spoiled)
    segment.write_bytes(spoiled)
    kafka.start()
    environment = worker_environment(database, kafka.bootstrap_servers, TOPIC)
    async with running_worker(environment, kafka.log.parent) as worker:
        async with asyncio.timeout(60):
            while not worker.events(event):
                await asyncio.sleep(0.1)
            while await committed_offsets(kafka.bootstrap_servers, GROUP, TOPIC) != {
                0: BEFORE,
                1: 40,
            }:
                await asyncio.sleep(0.1)
            while await worker.metric("loyalty_consumer_lag_seconds", partition="0") == 0:
                await asyncio.sleep(0.1)
        assert worker.events(event)[-1]["reason"] == reason
        if event == "partition_halted":
            assert f"the record at offset {BEFORE} " in worker.events(event)[-1]["hint"]
        status, text = await worker.probe("/readyz")
        assert status == 503
        assert "the broker does not answer" not in text
        assert await worker.metric("loyalty_consumer_lag_records") == 1
        assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 40 + BEFORE
        kafka.stop()
        segment.write_bytes(whole)
        kafka.start()
        await until_no_lag(kafka.bootstrap_servers, GROUP, TOPIC)
        await worker.until_ready()
        assert not worker.events("partition_task_died")
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 41 + BEFORE


async def test_a_corrupt_record_stops_its_partition_alone_and_posts_once_it_is_mended(
    private_kafka: EmbeddedKafka, database: DatabaseUrls
) -> None:
    await assert_that_the_partition_waits_and_its_neighbour_flows(
        private_kafka, database, spoil_value, ("partition_backs_off", "kafka_error")
    )


async def test_a_header_name_that_is_no_utf8_halts_its_partition_alone_and_loses_nothing(
    private_kafka: EmbeddedKafka, database: DatabaseUrls
) -> None:
    await assert_that_the_partition_waits_and_its_neighbour_flows(
        private_kafka, database, spoil_header_name, ("partition_halted", "record_unreadable")
    )
