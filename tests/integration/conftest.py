"""A worker on a topic and a database of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import publish, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from slips import Message, SlipFactory
from sqltools import add_casino


@dataclass
class Casino:
    """A provisioned casino, its topic and its worker."""

    database: DatabaseUrls
    kafka: str
    topic: str
    worker: WorkerProcess
    slips: SlipFactory

    @property
    def group(self) -> str:
        """The worker's consumer group."""
        return f"{self.topic}-accrual"

    async def publish(self, *messages: Message) -> None:
        """Publish in order."""
        await publish(self.kafka, self.topic, messages)

    async def settle(self, seconds: float = 60.0) -> None:
        """Wait until the worker has committed all that is on the topic."""
        await until_no_lag(self.kafka, self.group, self.topic, seconds)


@pytest.fixture
async def casino(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[Casino]:
    """A casino whose worker is ready, on a topic of one partition."""
    topic = await create_topic(1, {"max.message.bytes": "2000000"})
    slips = SlipFactory()
    await add_casino(database, slips.casino_id)
    environment = worker_environment(database, kafka.address, topic)
    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        yield Casino(database, kafka.address, topic, worker, slips)
