"""A house with every topic of the drift check: requests in, runs in the database, alerts out."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Message as Published

from conftest import TopicFactory
from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import create_topic as make_topic
from parts.kafka import delete_topics
from parts.topics import end_offsets, publish, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from reckoning import read_topic
from slips import STRUCTURED, Message, SlipFactory
from sqltools import add_casino, connected, value_of

SOURCE = "/casino/audit"
RUNS = "SELECT count(*) FROM drift_check_run"
FINISHED = "SELECT count(*) FROM drift_check_run WHERE finished_at IS NOT NULL"


def request(name: str, casino_id: str | None = None, partition: int | None = None) -> Message:
    """Return a request for a check, of all casinos or of one; `name` is the event's id."""
    data = {"requested_by": "audit"} | ({} if casino_id is None else {"casino_id": casino_id})
    event = {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": "loyalty.drift-check.requested.v1",
        "data": data,
    }
    return Message(b"check", json.dumps(event).encode(), STRUCTURED, partition)


@dataclass
class DriftHouse:
    """A provisioned casino, its topics, and workers on them by name."""

    database: DatabaseUrls
    kafka: str
    directory: Path
    slips: str
    promotions: str
    requests: str
    alerts: str
    factory: SlipFactory = field(default_factory=SlipFactory)

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a worker that checks as fast as it can."""
        return worker_environment(
            self.database,
            self.kafka,
            self.slips,
            LOYALTY_TOPIC_PROMOTION=self.promotions,
            LOYALTY_TOPIC_DRIFT_CHECK_REQUESTED=self.requests,
            LOYALTY_TOPIC_DRIFT_ALERTS=self.alerts,
            LOYALTY_DRIFT_CHECK_LOAD="1",
        )

    @asynccontextmanager
    async def worker(
        self, only: str, name: str = "worker", **settings: str
    ) -> AsyncIterator[WorkerProcess]:
        """Run a worker of these parts, ready."""
        environment = self.settings | settings
        async with running_worker(environment, self.directory, name, only) as worker:
            await worker.until_ready()
            yield worker

    async def ask(self, *messages: Message) -> None:
        """Publish requests, or what is to be taken for some."""
        await publish(self.kafka, self.requests, messages)

    async def answered(self, seconds: float = 30.0) -> None:
        """Wait until the group of requests has committed all that is on their topic."""
        await until_no_lag(self.kafka, f"{self.slips}-drift", self.requests, seconds)

    async def until(self, query: str, wanted: int, seconds: float = 30.0) -> None:
        """Wait until a superuser reads this number."""
        seen: int | None = None
        try:
            async with asyncio.timeout(seconds):
                while (seen := await value_of(self.database, query)) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{query}: {seen} in place of {wanted}") from None

    async def runs(self) -> list[asyncpg.Record]:
        """Return all runs, in the order of their beginning."""
        return await self.rows("SELECT * FROM drift_check_run ORDER BY started_at, id")

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Return what a superuser reads."""
        async with connected(self.database.superuser) as connection:
            return list(await connection.fetch(query, *arguments))

    async def plant(self, players: int, balance: int = 0, casino_id: str | None = None) -> None:
        """Add cached balances of new players who have no entries; those of 0 points are sound.

        At the house's casino, or at another.
        """
        async with connected(self.database.superuser) as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(
                "INSERT INTO player_loyalty (casino_id, player_id, current_balance)"
                " SELECT $1, gen_random_uuid(), $2 FROM generate_series(1, $3)",
                uuid.UUID(casino_id or self.factory.casino_id),
                balance,
                players,
            )

    async def published(
        self, topic: str, wanted: int = 0, seconds: float = 30.0
    ) -> list[Published]:
        """Return what librdkafka reads on a topic, once there are at least so many records."""
        async with asyncio.timeout(seconds):
            while sum((ends := await end_offsets(self.kafka, topic)).values()) < wanted:
                await asyncio.sleep(0.1)
        return await asyncio.to_thread(lambda: list(read_topic(self.kafka, topic, ends)))


def identity_of(published: Published) -> EventIdentity:
    """Return what tells an event from others."""
    event: dict[str, Any] = json.loads(published.value() or b"")
    return EventIdentity(event["source"], event["id"])


@asynccontextmanager
async def drift_house(
    database: DatabaseUrls,
    kafka: str,
    create_topic: TopicFactory,
    directory: Path,
    partitions: int = 1,
) -> AsyncIterator[DriftHouse]:
    """Give a house whose topics of events have so many partitions."""
    slips, promotions, requests = [await create_topic(partitions) for _ in range(3)]
    alerts = await create_topic()
    copies = [f"{topic}.dlq" for topic in (slips, promotions, requests)]
    for name in copies:
        await make_topic(kafka, name)
    house = DriftHouse(database, kafka, directory, slips, promotions, requests, alerts)
    await add_casino(database, house.factory.casino_id)
    try:
        yield house
    finally:
        await delete_topics(kafka, copies)
