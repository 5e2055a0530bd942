"""`loyalty topics create`, on a real broker."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from command import loyalty
from loyalty_worker.embedded.addresses import HOST, free_port
from parts.kafka import create_topic, delete_topics
from parts.source import Part


@pytest.fixture
async def settings(kafka: Part) -> AsyncIterator[dict[str, str]]:
    run = uuid.uuid4().hex[:8]
    named = {
        "TOPIC_RATING_SLIP_CLOSED": f"slips-{run}",
        "TOPIC_PROMOTION": f"promotion-{run}",
        "TOPIC_DRIFT_CHECK_REQUESTED": f"check-{run}",
        "TOPIC_DRIFT_ALERTS": f"alerts-{run}",
    }
    yield {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, **named}
    existing = await _topics(kafka.address)
    made = [topic for topic in existing if topic.removesuffix(".dlq") in named.values()]
    if made:
        await delete_topics(kafka.address, made)


async def _topics(address: str) -> list[str]:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        return list(await client.list_topics())
    finally:
        await client.close()


async def _configuration(address: str, topic: str) -> dict[str, str]:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        (response,) = await client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)]
        )
    finally:
        await client.close()
    entries: list[Any] = response.resources[0][4]
    return {entry[0]: entry[1] for entry in entries}


async def test_without_yes_the_plan_is_shown_and_nothing_is_made(
    settings: dict[str, str],
) -> None:
    run = await loyalty("topics", "create", **settings)

    assert run.returncode == 2
    assert f"create {settings['TOPIC_PROMOTION']}: 6 partitions" in run.stderr
    existing = await _topics(settings["KAFKA_BOOTSTRAP_SERVERS"])
    assert settings["TOPIC_PROMOTION"] not in existing


async def test_all_topics_are_made_and_a_second_time_nothing_is_left_to_do(
    settings: dict[str, str],
) -> None:
    first = await loyalty("topics", "create", "--partitions", "3", "--yes", "--json", **settings)
    second = await loyalty("topics", "create", "--json", **settings)

    assert first.returncode == 0, first.stderr
    slips, promotion = settings["TOPIC_RATING_SLIP_CLOSED"], settings["TOPIC_PROMOTION"]
    requests = settings["TOPIC_DRIFT_CHECK_REQUESTED"]
    assert [row["topic"] for row in json.loads(first.stdout)] == [
        slips,
        promotion,
        requests,
        f"{slips}.dlq",
        f"{promotion}.dlq",
        f"{requests}.dlq",
        settings["TOPIC_DRIFT_ALERTS"],
    ]
    assert {(row["status"], row["partitions"]) for row in json.loads(first.stdout)} == {
        ("created", 3)
    }
    assert second.returncode == 0, second.stderr
    assert {(row["status"], row["partitions"]) for row in json.loads(second.stdout)} == {
        ("exists", 3)
    }


async def test_a_topic_that_exists_stays_as_it_is(settings: dict[str, str]) -> None:
    slips = settings["TOPIC_RATING_SLIP_CLOSED"]
    await create_topic(settings["KAFKA_BOOTSTRAP_SERVERS"], slips, 2, None)

    run = await loyalty("topics", "create", "--partitions", "4", "--yes", "--json", **settings)

    rows = {row["topic"]: row for row in json.loads(run.stdout)}
    assert (rows[slips]["status"], rows[slips]["partitions"]) == ("exists", 2)
    assert (rows[f"{slips}.dlq"]["status"], rows[f"{slips}.dlq"]["partitions"]) == ("created", 4)


@pytest.mark.parametrize(("asked", "days"), [((), 30), (("--retention-days", "400"), 400)])
async def test_inputs_carry_the_broker_s_time_and_are_kept_as_long_as_is_asked(
    settings: dict[str, str], asked: tuple[str, ...], days: int
) -> None:
    await loyalty("topics", "create", *asked, "--yes", **settings)

    configuration = await _configuration(
        settings["KAFKA_BOOTSTRAP_SERVERS"], settings["TOPIC_RATING_SLIP_CLOSED"]
    )

    assert configuration["message.timestamp.type"] == "LogAppendTime"
    assert configuration["retention.ms"] == str(days * 24 * 60 * 60 * 1000)
    assert configuration["cleanup.policy"] == "delete"


async def test_more_replicas_than_brokers_is_refused_by_name(settings: dict[str, str]) -> None:
    run = await loyalty("topics", "create", "--replication", "3", "--yes", **settings)

    assert run.returncode == 5
    assert "InvalidReplicationFactorError" in run.stderr
    assert "Traceback" not in run.stderr


async def test_an_unreachable_broker_is_told_in_one_line() -> None:
    address = f"{HOST}:{free_port()}"
    run = await loyalty("topics", "create", "--yes", KAFKA_BOOTSTRAP_SERVERS=address)

    assert run.returncode == 4
    (line,) = run.stderr.splitlines()
    assert f"Kafka at {address}: KafkaConnectionError" in line
