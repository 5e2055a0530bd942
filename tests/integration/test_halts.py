"""What halts a topic, what does not, and how it goes on: the breaker, and poisonous records."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import committed_offsets, publish, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from slips import Message, SlipFactory, message
from sqltools import add_casino, connected, fail_slips, mend_slips, row_of

UNKNOWN = "22012"  # division by zero: a mistake in the database, which no rule names


@dataclass
class Site:
    """A provisioned casino and a topic of one partition; workers come and go."""

    database: DatabaseUrls
    kafka: str
    topic: str
    slips: SlipFactory
    directory: Path

    @property
    def group(self) -> str:
        return f"{self.topic}-accrual"

    @asynccontextmanager
    async def worker(self, **settings: str) -> AsyncIterator[WorkerProcess]:
        environment = worker_environment(self.database, self.kafka, self.topic, **settings)
        async with running_worker(environment, self.directory) as worker:
            yield worker

    async def publish(self, *messages: Message) -> None:
        await publish(self.kafka, self.topic, messages)

    async def counts(self) -> tuple[int, int, int]:
        """Return entries, letters and open halts."""
        row = await row_of(
            self.database,
            "SELECT (SELECT count(*) FROM loyalty_ledger), (SELECT count(*) FROM dead_letter),"
            " (SELECT count(*) FROM consumer_halt WHERE ended_at IS NULL)",
        )
        return row[0], row[1], row[2]

    async def committed(self) -> int | None:
        return (await committed_offsets(self.kafka, self.group, self.topic)).get(0)

    async def settle(self) -> None:
        await until_no_lag(self.kafka, self.group, self.topic)

    async def resume(self) -> None:
        async with connected(self.database.operator) as operator, operator.transaction():
            await operator.execute("SELECT set_service_context('{}', 'test')")
            await operator.fetch("SELECT * FROM end_halts($1, 'mended')", self.topic)

    async def until_halted(self, worker: WorkerProcess, reason: str) -> None:
        async with asyncio.timeout(30):
            while (await self.counts())[2] == 0:
                await asyncio.sleep(0.05)
            while await worker.metric("loyalty_consumer_halted", reason=reason) != 1:
                await asyncio.sleep(0.1)
        status, text = await worker.probe("/readyz")
        assert status == 503
        assert f"halted: {reason}" in text

    async def poisoned(self, count: int, *poison: int) -> list[Message]:
        """Return slips; the database fails for those at some indices."""
        events = [self.slips.event() for _ in range(count)]
        ids = [str(events[index]["data"]["rating_slip_id"]) for index in poison]
        await fail_slips(
            self.database, " OR ".join(f"NEW.id = '{slip_id}'" for slip_id in ids), UNKNOWN
        )
        return [message(event) for event in events]


@pytest.fixture
async def site(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> Site:
    slips = SlipFactory()
    await add_casino(database, slips.casino_id)
    return Site(database, kafka.address, await create_topic(1), slips, directory)


def garbage(count: int) -> list[Message]:
    return [Message(b"key", f"garbage {number}".encode()) for number in range(count)]


async def test_a_bad_deployment_halts_the_topic_at_the_record_that_trips_and_a_person_resumes_it(
    site: Site,
) -> None:
    await site.publish(*[message(site.slips.event()) for _ in range(30)], *garbage(300))
    async with site.worker() as worker:
        await site.until_halted(worker, "breaker")
        (said,) = worker.events("topic_halted")
        assert f"loyalty resume {site.topic}" in said["hint"]
        assert await worker.terminate() == 0
    entries, letters, _ = await site.counts()
    # more than half of at least 100 records: 70 of them at the hundredth
    assert (entries, letters) == (30, 70)
    assert await site.committed() == 100
    async with site.worker() as worker:
        await site.until_halted(worker, "breaker")
        await asyncio.sleep(2)
        assert await site.counts() == (30, 70, 1)
        await site.resume()
        async with asyncio.timeout(30):
            while (await site.counts())[1] == 70:
                await asyncio.sleep(0.05)
        await site.until_halted(worker, "breaker")
        assert await site.counts() == (30, 170, 1)


async def test_a_casino_that_nobody_provisioned_halts_nothing(site: Site) -> None:
    stranger = SlipFactory(seed=2)
    await site.publish(
        *[message(stranger.event()) for _ in range(300)], message(site.slips.event())
    )
    async with site.worker() as worker:
        await site.settle()
        await worker.until_ready()
    assert await site.counts() == (1, 300, 0)


async def test_a_record_that_alone_fails_for_no_known_reason_halts_the_topic_before_it(
    site: Site,
) -> None:
    await site.publish(*await site.poisoned(40, 17))
    async with site.worker() as worker:
        await site.until_halted(worker, "unknown_error")
        assert await site.counts() == (17, 0, 1)
        (said,) = worker.events("topic_halted")
        assert f"loyalty dlq quarantine {site.topic} 0 17" in said["hint"]
        await mend_slips(site.database)
        await site.resume()
        await site.settle()
        await worker.until_ready()
    assert await site.counts() == (40, 0, 0)


@pytest.mark.parametrize("poison", [(0,), (39,), (3, 20)])
async def test_where_the_topic_says_so_such_records_become_letters_and_the_rest_posts(
    site: Site, poison: tuple[int, ...]
) -> None:
    await site.publish(*await site.poisoned(40, *poison))
    async with site.worker(LOYALTY_ON_UNKNOWN_ERROR_RATING_SLIP_CLOSED="dead_letter") as worker:
        await site.settle()
        await worker.until_ready()
    assert await site.counts() == (40 - len(poison), len(poison), 0)
    offsets = await row_of(
        site.database,
        'SELECT array_agg("offset" ORDER BY "offset"), min(reason), min(sqlstate) FROM dead_letter',
    )
    assert tuple(offsets) == (list(poison), "UNKNOWN_ERROR", UNKNOWN)


async def test_where_everything_fails_nothing_is_decided(site: Site) -> None:
    await fail_slips(site.database, "true", UNKNOWN)
    await site.publish(*[message(site.slips.event()) for _ in range(10)])
    async with site.worker(LOYALTY_ON_UNKNOWN_ERROR_RATING_SLIP_CLOSED="dead_letter") as worker:
        async with asyncio.timeout(30):
            while len(worker.events("partition_backs_off")) < 4:
                await asyncio.sleep(0.05)
        assert await site.counts() == (0, 0, 0)
        await mend_slips(site.database)
        await site.settle()
    assert await site.counts() == (10, 0, 0)
