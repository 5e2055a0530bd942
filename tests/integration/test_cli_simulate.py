"""`loyalty simulate` as a person runs it, on a real broker and a real database."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from conftest import TopicFactory
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import end_offsets
from sqltools import connected, value_of

Run = subprocess.CompletedProcess[str]


async def simulate(environment: Mapping[str, str], *arguments: str) -> Run:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "loyalty_worker", "simulate", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
async def environment(kafka: Part, create_topic: TopicFactory) -> dict[str, str]:
    return {
        "LOYALTY_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "LOYALTY_TOPIC_RATING_SLIP_CLOSED": await create_topic(3),
    }


async def published(environment: Mapping[str, str]) -> int:
    ends = await end_offsets(
        environment["LOYALTY_KAFKA_BOOTSTRAP_SERVERS"],
        environment["LOYALTY_TOPIC_RATING_SLIP_CLOSED"],
    )
    return sum(ends.values())


async def test_what_is_reported_as_published_is_on_the_topic(environment: dict[str, str]) -> None:
    run = await simulate(
        environment, "--slips", "200", "--rate", "5000", "--broken", "10", "--json"
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    assert report["published"] == await published(environment) > 200
    assert sum(report["expected"].values()) == report["published"]
    assert sum(report["dead_letters_by_reason"].values()) == report["expected"]["dead_lettered"] > 0


async def test_awards_of_campaigns_go_to_their_own_topic_and_are_foretold(
    environment: dict[str, str], create_topic: TopicFactory
) -> None:
    topic = await create_topic(3)
    run = await simulate(
        {**environment, "LOYALTY_TOPIC_PROMOTION": topic},
        *("--slips", "200", "--rate", "5000", "--promotions", "50", "--broken", "10", "--json"),
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    assert report["published"] == await published(environment)
    promotions = report["promotions"]
    ends = await end_offsets(environment["LOYALTY_KAFKA_BOOTSTRAP_SERVERS"], topic)
    assert promotions["topic"] == topic
    assert promotions["published"] == sum(ends.values()) > 50
    assert sum(promotions["expected"].values()) == promotions["published"]
    assert 0 < promotions["before_their_slip"] < promotions["published"]


async def test_people_read_the_counts_on_stdout_and_the_way_to_provision_on_stderr(
    environment: dict[str, str],
) -> None:
    run = await simulate(environment, "--casinos", "2", "--slips", "20", "--rate", "5000")
    assert run.returncode == 0, run.stderr
    assert f"published {await published(environment)} messages" in run.stdout
    assert "points for" in run.stdout
    for casino in open_casinos(2):
        assert f'loyalty casino add {casino.casino_id} --name "{casino.name}"' in run.stderr


async def test_casinos_are_provisioned_when_asked_and_confirmed(
    environment: dict[str, str], database: DatabaseUrls
) -> None:
    with_operator = {**environment, "LOYALTY_OPERATOR_DATABASE_URL": database.operator}
    arguments = ("--casinos", "2", "--slips", "5", "--rate", "5000", "--provision")
    refused = await simulate(with_operator, *arguments)
    assert refused.returncode == 2
    assert await published(environment) == 0
    assert await value_of(database, "SELECT count(*) FROM casino") == 0
    for _ in range(2):
        run = await simulate(with_operator, *arguments, "--yes", "--actor", "a tester")
        assert run.returncode == 0, run.stderr
    async with connected(database.superuser) as connection:
        casinos = await connection.fetch("SELECT id, name FROM casino")
        actors = await connection.fetch("SELECT DISTINCT actor_name FROM audit_log")
    added = {row["id"]: row["name"] for row in casinos}
    assert added == {casino.casino_id: casino.name for casino in open_casinos(2)}
    assert [row["actor_name"] for row in actors] == ["a tester"]


async def test_a_missing_topic_is_told_with_the_command_that_makes_it(kafka: Part) -> None:
    run = await simulate(
        {
            "LOYALTY_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
            "LOYALTY_TOPIC_RATING_SLIP_CLOSED": "never-created",
        }
    )
    assert run.returncode == 4
    assert "never-created does not exist" in run.stderr
    assert "loyalty topics create" in run.stderr
    assert run.stdout == ""


async def test_an_unreachable_broker_is_told_in_one_line_without_a_traceback() -> None:
    address = f"{HOST}:{free_port()}"
    run = await simulate({"LOYALTY_KAFKA_BOOTSTRAP_SERVERS": address})
    assert run.returncode == 4
    assert address in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--promotions", "-1"),
        ("--slips", "0"),
        ("--rate", "0"),
        ("--broken", "101"),
        ("--day", "tomorrow"),
        ("--what",),
    ],
)
async def test_arguments_that_make_no_evening_are_usage_errors(arguments: tuple[str, ...]) -> None:
    assert (await simulate({}, *arguments)).returncode == 2
