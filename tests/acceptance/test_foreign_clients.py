"""Producers that share no code with the worker: librdkafka, and the CloudEvents package."""

import asyncio
import json
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer

from command import loyalty
from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import end_offsets, until_no_lag
from parts.worker import running_worker, worker_environment
from promotions import promotion
from reckoning import assert_reckoning, points_of, reckon
from slips import SlipFactory
from sqltools import add_casino, connected, value_of

PARTITIONS = 3
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
WILD_HEADERS: list[tuple[str, str | bytes | None]] = [("trace", None), ("note", b"\xff\xfe\x00")]


def structured_by_hand(event: dict[str, Any]) -> KafkaMessage:
    content_type = b"Application/CloudEvents+JSON; charset=UTF-8"
    return KafkaMessage({"content-type": content_type}, None, json.dumps(event).encode())


def binary_by_hand(event: dict[str, Any]) -> KafkaMessage:
    headers = {
        f"ce_{name}": str(text).encode()
        for name, text in event.items()
        if name not in {"data", "datacontenttype"}
    }
    headers["content-type"] = b"application/json"
    return KafkaMessage(headers, None, json.dumps(event["data"]).encode())


def cloud_event(event: dict[str, Any]) -> CloudEvent:
    attributes = {name: text for name, text in event.items() if name != "data"}
    attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, event["data"])


def structured_by_package(event: dict[str, Any]) -> KafkaMessage:
    return to_structured(cloud_event(event), JSONFormat())


def binary_by_package(event: dict[str, Any]) -> KafkaMessage:
    return to_binary(cloud_event(event), JSONFormat())


FORMS = (structured_by_hand, binary_by_hand, structured_by_package, binary_by_package)


def publish(kafka: str, topic: str, codec: str, messages: list[KafkaMessage]) -> None:
    producer = Producer(
        {"bootstrap.servers": kafka, "compression.type": codec, "enable.idempotence": True}
    )
    for number, message in enumerate(messages):
        headers = [*message.headers.items(), *WILD_HEADERS]
        producer.produce(topic, value=message.value, key=f"key-{number}".encode(), headers=headers)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("codec", CODECS)
async def test_events_from_librdkafka_and_the_cloudevents_package_reach_the_ledger(
    database: DatabaseUrls,
    kafka: Part,
    create_topic: TopicFactory,
    directory: Path,
    codec: str,
) -> None:
    topic = await create_topic(PARTITIONS)
    factory = SlipFactory(seed=7, players=5)
    await add_casino(database, factory.casino_id)
    events = [factory.event() for _ in range(15)] + [factory.ghost()]
    publish(kafka.address, topic, codec, [form(event) for form in FORMS for event in events])
    environment = worker_environment(database, kafka.address, topic)
    async with running_worker(environment, directory) as worker:
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        assert not worker.events("record_dead_lettered")
    ends = await end_offsets(kafka.address, topic)
    expected = reckon(kafka.address, topic, ends)
    assert (expected.accrued, expected.skipped, expected.duplicate) == (15, 1, 48)
    await assert_reckoning(
        database.superuser, topic=topic, group=f"{topic}-accrual", ends=ends, expected=expected
    )


async def test_promotions_from_foreign_clients_post_once_on_top_of_their_slips(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    slips_topic, topic = await create_topic(PARTITIONS), await create_topic(PARTITIONS)
    factory = SlipFactory(seed=9, players=5)
    await add_casino(database, factory.casino_id)
    slips = [factory.event() for _ in range(8)]
    terms: tuple[dict[str, object], ...] = ({"promo_multiplier": 1.1}, {"bonus_points": 25})
    awards = [
        promotion(factory.rng, slip, "summer \N{SNOWFLAKE}", **offer)
        for slip, offer in zip(slips, cycle(terms), strict=False)
    ]
    publish(kafka.address, topic, "lz4", [form(award) for form in FORMS for award in awards])
    publish(kafka.address, slips_topic, "none", [binary_by_package(slip) for slip in slips])
    environment = worker_environment(
        database, kafka.address, slips_topic, LOYALTY_TOPIC_PROMOTION=topic
    )
    async with running_worker(environment, directory) as worker:
        await until_no_lag(kafka.address, f"{slips_topic}-accrual", slips_topic)
        await until_no_lag(kafka.address, f"{slips_topic}-promotion", topic)
        async with asyncio.timeout(30):
            while await value_of(
                database, "SELECT count(*) FROM parked_event WHERE outcome IS NULL"
            ):
                await asyncio.sleep(0.1)
        assert not worker.events("record_dead_lettered")
    base = {slip["data"]["rating_slip_id"]: points_of(slip["data"]) for slip in slips}
    expected = {}
    for award in awards:
        slip_id, data = award["data"]["rating_slip_id"], award["data"]
        multiplied = (base[slip_id] * 11 + 5) // 10 - base[slip_id]
        expected[slip_id] = data.get("bonus_points", multiplied)
    async with connected(database.superuser) as connection:
        entries = await connection.fetch(
            "SELECT rating_slip_id::text, points_delta, campaign_id FROM loyalty_ledger"
            " WHERE reason = 'promotion'"
        )
    assert len(entries) == len(expected)
    assert {entry[0]: entry[1] for entry in entries} == expected
    assert {entry[2] for entry in entries} == {"summer \N{SNOWFLAKE}"}


async def test_the_statement_that_an_operator_reads_shows_what_a_foreign_client_published(
    database: DatabaseUrls, kafka: Part, topic: str, directory: Path
) -> None:
    factory = SlipFactory(seed=8, players=1)
    await add_casino(database, factory.casino_id)
    event = factory.event(
        average_bet=100,
        duration_seconds=1200,
        policy_snapshot={
            "loyalty": {
                "house_edge": 1.5,
                "decisions_per_hour": 70,
                "points_conversion_rate": 0.1,
                "policy_version": "loyalty_points_v1",
            }
        },
    )
    publish(kafka.address, topic, "zstd", [binary_by_package(event)])
    async with running_worker(worker_environment(database, kafka.address, topic), directory):
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
    shown = await loyalty(
        *("ledger", "show", event["data"]["player_id"], "--casino", factory.casino_id, "--json"),
        OPERATOR_DATABASE_URL=database.operator,
    )
    assert shown.returncode == 0, shown.stderr
    statement = json.loads(shown.stdout)
    assert statement["current_balance"] == 4
    (entry,) = statement["entries"]
    assert entry["points_delta"] == entry["balance_after"] == 4
    assert entry["rating_slip_id"] == event["data"]["rating_slip_id"]
