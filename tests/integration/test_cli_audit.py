"""`loyalty audit coverage`: silent where all is accounted for, exact where something is missing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Run, loyalty
from conftest import TopicFactory
from loyalty_worker.embedded.addresses import free_port
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import create_topic as make_topic
from parts.kafka import delete_topics
from parts.source import Part
from parts.topics import delete_records, end_offsets, publish, until_no_lag
from parts.traffic import Traffic
from parts.worker import running_worker, worker_environment
from promotions import promotion
from slips import Message, SlipFactory, message, same_slip_other_event
from sqltools import add_casino, lose, value_of

COUNTS = ("records", "ledger", "skipped", "parked", "dead_letters", "unaccounted")


@dataclass
class House:
    """Two topics, slips in two partitions and promotions in one, and commands on them."""

    database: DatabaseUrls
    kafka: str
    slips: str
    promotions: str
    directory: Path

    @property
    def settings(self) -> dict[str, str]:
        return worker_environment(
            self.database, self.kafka, self.slips, LOYALTY_TOPIC_PROMOTION=self.promotions
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with running_worker(self.settings, self.directory) as worker:
            await worker.until_ready()
            yield

    async def publish(self, topic: str, *sent: dict[str, Any] | Message) -> None:
        messages = [one if isinstance(one, Message) else message(one, 0) for one in sent]
        await publish(self.kafka, topic, messages)

    async def settle(self) -> None:
        for kind, topic in (("accrual", self.slips), ("promotion", self.promotions)):
            await until_no_lag(self.kafka, f"{self.slips}-{kind}", topic)

    async def audit(self, *arguments: str, **changed: str) -> Run:
        settings = {name.removeprefix("LOYALTY_"): value for name, value in self.settings.items()}
        settings["OPERATOR_DATABASE_URL"] = self.database.operator
        return await loyalty("audit", "coverage", *arguments, **{**settings, **changed})

    async def found(
        self, status: int = 0, **changed: str
    ) -> tuple[list[dict[str, Any]], dict[Any, str]]:
        """Return the partitions, and the reason of each unaccounted record by topic and offset."""
        run = await self.audit("--json", **changed)
        assert run.returncode == status, run.stdout + run.stderr
        document = json.loads(run.stdout)
        return document["partitions"], {
            (row["topic"], row["partition"], row["offset"]): row["reason"]
            for row in document["unaccounted"]
        }


def counts(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in COUNTS)


def kinds(row: dict[str, Any]) -> list[str]:
    return [remark["kind"] for remark in row["remarks"]]


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> House:
    return House(database, kafka.address, await create_topic(2), await create_topic(1), directory)


async def test_exactly_what_was_taken_from_the_database_is_named(house: House) -> None:
    factory = SlipFactory()
    await add_casino(house.database, factory.casino_id)
    slips, ghosts = [factory.event() for _ in range(6)], [factory.ghost() for _ in range(2)]
    other_facts = {**slips[0], "id": "other", "data": {**slips[0]["data"], "average_bet": "1"}}
    garbage = Message(b"key", b"garbage", (), 0)
    awards = [promotion(factory.rng, slip) for slip in (*slips[:2], ghosts[0])]
    orphans = [promotion(factory.rng, factory.event()) for _ in range(2)]
    async with house.working():
        await house.publish(house.promotions, awards[0], *orphans)  # before their slips
        await house.settle()
        await house.publish(house.slips, *slips, slips[0])
        await house.publish(house.slips, same_slip_other_event(slips[1], factory.rng), *ghosts)
        await house.publish(house.slips, other_facts, *(garbage for _ in range(2)))
        await house.settle()
        await house.publish(house.promotions, *awards[1:])
        await house.settle()

    partitions, unaccounted = await house.found()
    assert unaccounted == {}
    by_place = {(row["topic"], row["partition"]): row for row in partitions}
    assert counts(by_place[house.slips, 0]) == (13, 8, 2, 0, 3, 0)
    assert counts(by_place[house.slips, 1]) == (0, 0, 0, 0, 0, 0)
    assert counts(by_place[house.promotions, 0]) == (5, 2, 1, 2, 0, 0)
    assert all(row["remarks"] == [] for row in partitions)
    # the worker is gone: these are above the positions
    await house.publish(house.promotions, promotion(factory.rng, slips[2]), garbage)

    async def take(what: str) -> None:
        assert await lose(house.database, what) == 1

    first, second, ghost = (one["data"]["rating_slip_id"] for one in (*slips[:2], ghosts[1]))
    await take(f"loyalty_ledger WHERE reason = 'base_accrual' AND source_id = '{second}'")
    await take(f"loyalty_ledger WHERE reason = 'promotion' AND source_id = '{first}'")
    await take(f"rating_slip WHERE id = '{ghost}'")
    await take(f"parked_event WHERE event_id = '{orphans[1]['id']}'")
    await take('dead_letter WHERE "offset" = 12')
    await take("dead_letter WHERE reason = 'LOYALTY_FACTS_CONFLICT'")
    partitions, unaccounted = await house.found(3)
    nothing = "no entry, no skipped slip, no parked event and no dead letter"
    assert unaccounted == {
        (house.slips, 0, 1): "its slip is recorded as closed, but its base accrual is missing",
        (house.slips, 0, 7): "its slip is recorded as closed, but its base accrual is missing",
        (house.slips, 0, 9): nothing,
        (house.slips, 0, 10): "other facts than those recorded, and no dead letter",
        (house.slips, 0, 12): "no event (EVENT_UNDECODABLE), and no dead letter",
        (house.promotions, 0, 0): "it was parked and released, but nothing came of it",
        (house.promotions, 0, 2): nothing,
    }
    shown = await house.audit("--topic", house.promotions)
    assert shown.returncode == 3
    assert house.slips not in shown.stdout
    assert orphans[1]["id"] in shown.stdout
    assert shown.stdout.splitlines()[-2:] == [
        "above the positions, not looked at: 2",
        "3 of 5 records are accounted for",
    ]
    assert slips[1]["data"]["player_id"] not in shown.stdout + shown.stderr


async def test_traffic_expired_records_and_a_position_beyond_the_log_are_told_apart(
    house: House,
) -> None:
    traffic = Traffic(7, house.slips, house.promotions)
    await add_casino(house.database, traffic.casino_id)
    async with house.working(), traffic.flowing(house.kafka, 150):
        async with asyncio.timeout(30):
            while await value_of(house.database, "SELECT count(*) FROM loyalty_ledger") < 100:
                await asyncio.sleep(0.1)
        for _ in range(2):
            partitions, unaccounted = await house.found()
            assert unaccounted == {}
            assert [kinds(row) for row in partitions] == [[], [], []]
    assert sum(row["records"] for row in partitions) > 200

    # the worker is gone: nobody notices that a topic is not the one it was
    await delete_records(house.kafka, house.slips, 10)
    await delete_topics(house.kafka, [house.promotions])
    partitions, unaccounted = await house.found(3)
    await make_topic(house.kafka, house.promotions, 1)
    assert unaccounted == {}
    assert [kinds(row) for row in partitions] == [["expired"], [], ["beyond_end"]]
    assert partitions[0]["from"] == 10
    assert (partitions[2]["from"], partitions[2]["to"]) == (0, 0)

    for arguments, looked_at in ((("--topic", "unheard-of"), False), ((), True)):
        missing = await house.audit(*arguments, TOPIC_PROMOTION="unheard-of")
        assert missing.returncode == 4, missing.stdout + missing.stderr
        assert "there is no topic unheard-of" in missing.stderr
        assert (f"{house.slips} " in missing.stdout) is looked_at

    # no evidence is left: the positions are another group's, or gone themselves
    ends = await end_offsets(house.kafka, house.slips)
    partitions, unaccounted = await house.found(3, KAFKA_GROUP_PREFIX="wrong")
    assert unaccounted == {}
    assert [kinds(row) for row in partitions] == [["no_progress"], ["no_progress"], []]
    assert [row["lag"] for row in partitions] == [ends[0] - 10, ends[1], 0]
    await lose(house.database, "loyalty_ledger")
    await lose(house.database, "consumer_progress")
    bare = await house.audit()
    assert bare.returncode == 3
    said = (
        f"{house.slips}/1: the log holds up to {ends[1]} records, offsets 0 to {ends[1] - 1}, but"
    )
    assert f"{said} the group {house.slips}-accrual has no position there" in bare.stdout


async def test_a_topic_that_is_not_consumed_is_refused_by_name(database: DatabaseUrls) -> None:
    run = await loyalty(
        *("audit", "coverage", "--topic", "unheard-of"), OPERATOR_DATABASE_URL=database.operator
    )
    assert run.returncode == 2
    assert "rating-slip-closed, promotion" in run.stderr


async def test_a_broker_that_cannot_be_reached_ends_the_command_with_what_to_check(
    database: DatabaseUrls,
) -> None:
    address = f"127.0.0.1:{free_port()}"
    run = await loyalty(
        *("audit", "coverage"),
        KAFKA_BOOTSTRAP_SERVERS=address,
        OPERATOR_DATABASE_URL=database.operator,
    )
    assert run.returncode == 4
    assert f"Kafka at {address}" in run.stderr
