"""The stage of the fault suite: servers behind proxies, and workers, traffic and books on them."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from faults.books import Books
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
from parts.crashing_worker import CrashingWorker
from parts.kafka import create_drift_topics, create_topic, drift_topics, topic_name
from parts.postgres import Databases, chosen_binaries, databases_on
from parts.proxy import TcpProxy
from parts.traffic import Traffic
from parts.worker import WorkerProcess, worker_environment
from sqltools import add_casino

PARTITIONS = 3
PER_SECOND = 80
_KEEPING = "sweeper,relay"
_CONSUMING = "accrual,promotion"
_CRASH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Servers:
    """A broker and a server, to be crashed; workers reach them through the proxies alone."""

    kafka: EmbeddedKafka
    kafka_address: str
    kafka_proxy: TcpProxy
    postgres: EmbeddedPostgres
    postgres_proxy: TcpProxy
    databases: Databases


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Give a broker and a server of the caller's own."""
    plain, proxied = free_port(), free_port()
    with (
        temporary_directory() as kafka_directory,
        temporary_directory() as postgres_directory,
        TcpProxy(proxied) as kafka_proxy,
        EmbeddedKafka(
            kafka_directory, _listeners(plain, proxied, kafka_proxy.port, free_port())
        ) as kafka,
        EmbeddedPostgres(postgres_directory, binaries=chosen_binaries()) as postgres,
        TcpProxy(postgres.port) as postgres_proxy,
        databases_on(postgres.superuser_url) as databases,
    ):
        yield Servers(kafka, f"{HOST}:{plain}", kafka_proxy, postgres, postgres_proxy, databases)


def _listeners(plain: int, proxied: int, proxy: int, controller: int) -> dict[str, str]:
    """Two ways to one broker: a client that comes through the proxy is sent back to the proxy."""
    return {
        "listeners": (
            f"PLAINTEXT://{HOST}:{plain},PROXIED://{HOST}:{proxied},"
            f"CONTROLLER://{HOST}:{controller}"
        ),
        "advertised.listeners": f"PLAINTEXT://{HOST}:{plain},PROXIED://{HOST}:{proxy}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
    }


class Stage:
    """Two workers and a keeper under traffic, for fault after fault; `rng` decides the instants.

    Topics and database are the stage's own. The keeper runs the sweeper and the relay.
    """

    def __init__(
        self, servers: Servers, database: DatabaseUrls, directory: Path, seed: int
    ) -> None:
        self.servers = servers
        self.database = database
        self.rng = random.Random(seed)
        self.topic, promotion_topic = topic_name(), topic_name()
        self.traffic = Traffic(seed, self.topic, promotion_topic)
        self.books = Books(servers.kafka_address, database, self.traffic)
        self._directory = directory
        self._environment = worker_environment(
            _through(servers.postgres_proxy, database),
            f"{HOST}:{servers.kafka_proxy.port}",
            self.topic,
            LOYALTY_TOPIC_PROMOTION=promotion_topic,
            LOYALTY_BATCH_MAX_RECORDS="50",
            LOYALTY_DATABASE_CONNECT_TIMEOUT_SECONDS="2",
            LOYALTY_DATABASE_ACQUIRE_TIMEOUT_SECONDS="2",
            LOYALTY_DATABASE_STATEMENT_TIMEOUT_MS="2000",
            LOYALTY_DATABASE_LOCK_TIMEOUT_MS="1000",
            LOYALTY_KAFKA_REQUEST_TIMEOUT_MS="5000",
            LOYALTY_KAFKA_REBALANCE_TIMEOUT_MS="20000",
            LOYALTY_DRAIN_TIMEOUT_SECONDS="12",
            LOYALTY_GRACEFUL_TIMEOUT_SECONDS="15",
            LOYALTY_POSITION_CHECK_SECONDS="2",
            **drift_topics(self.topic),
        )
        self.workers = [self._worker(name, _CONSUMING) for name in ("first", "second")]
        self.keeper = self._worker("keeper", _KEEPING)

    @property
    def victim(self) -> WorkerProcess:
        """One of the workers, of the seed's choice."""
        return self.rng.choice(self.workers)

    async def pause(self, most: float = 1.0) -> None:
        """Wait for a random while, so that the next act comes at a random instant."""
        await asyncio.sleep(self.rng.uniform(0.1, most))

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Have traffic within the context."""
        async with self.traffic.flowing(self.servers.kafka_address, PER_SECOND):
            yield

    @asynccontextmanager
    async def another(
        self, point: str | None = None, at: int = 1, only: str = _CONSUMING
    ) -> AsyncIterator[WorkerProcess]:
        """Give one worker more; with a point, it is to die there at the so manieth time."""
        worker = self._worker("another", only) if point is None else self._crashing(point, at, only)
        try:
            await worker.start()
            yield worker
        finally:
            if worker.running:
                await worker.kill()

    async def open(self) -> None:
        """Make the topics and the casino, and start the workers."""
        for topic in (self.topic, self.traffic.promotion_topic):
            for name in (topic, f"{topic}.dlq"):
                await create_topic(self.servers.kafka_address, name, PARTITIONS)
        await create_drift_topics(self.servers.kafka_address, self.topic)
        await add_casino(self.database, self.traffic.casino_id)
        await asyncio.gather(*(worker.start() for worker in (*self.workers, self.keeper)))
        await self.until_ready()

    async def until_ready(self) -> None:
        """Wait until the workers are ready and have all partitions between them."""
        for worker in (*self.workers, self.keeper):
            await worker.until_ready()
        async with asyncio.timeout(60):
            while await self._assigned() != 2 * PARTITIONS:
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End the workers."""
        for worker in (*self.workers, self.keeper):
            if worker.running:
                await worker.kill()

    async def _assigned(self) -> float:
        return sum(
            [await worker.metric("loyalty_consumer_assigned_partitions") for worker in self.workers]
        )

    def _worker(self, name: str, only: str) -> WorkerProcess:
        return WorkerProcess(self._environment, self._directory / f"{name}.log", only)

    def _crashing(self, point: str, at: int, only: str) -> WorkerProcess:
        environment = {
            **self._environment,
            "CRASH_POINT": point,
            "CRASH_AT": str(at),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        return CrashingWorker(environment, self._directory / "crashing.log", only)


async def until_killed(worker: WorkerProcess) -> None:
    """Wait until a worker has died at its point."""
    async with asyncio.timeout(_CRASH_SECONDS):
        assert await worker.wait() == -9, worker.tail()


def _through(proxy: TcpProxy, database: DatabaseUrls) -> DatabaseUrls:
    """Return the database as the worker is to reach it."""
    parts = urlsplit(database.worker)
    credentials = parts.netloc.rpartition("@")[0]
    return replace(
        database, worker=parts._replace(netloc=f"{credentials}@{HOST}:{proxy.port}").geturl()
    )
