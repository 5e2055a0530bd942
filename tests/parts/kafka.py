"""Apache Kafka for a session's tests, and topics on it."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.jars import kafka_version
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.processes import temporary_directory
from parts.blocking import wait_for
from parts.memory import memory_folder
from parts.source import Part, Source, started

ADDRESS_VARIABLE = "LOYALTY_TEST_KAFKA"
NAME = "Apache Kafka"


@contextmanager
def _container() -> Iterator[Part]:
    port = free_port()
    container = (
        DockerContainer(f"apache/kafka:{kafka_version()}")
        .with_bind_ports(9092, port)
        .with_env("KAFKA_NODE_ID", "1")
        .with_env("KAFKA_PROCESS_ROLES", "broker,controller")
        .with_env("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093")
        .with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://{HOST}:{port}")
        .with_env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .with_env("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093")
        .with_env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )
    with container:
        yield Part(NAME, Source.CONTAINER, f"{HOST}:{port}", kafka_version())


@contextmanager
def _embedded() -> Iterator[Part]:
    with (
        temporary_directory(within=memory_folder()) as directory,
        EmbeddedKafka(directory) as broker,
    ):
        yield Part(NAME, Source.EMBEDDED, broker.bootstrap_servers, broker.version)


@contextmanager
def _given() -> Iterator[Part]:
    address = os.environ[ADDRESS_VARIABLE]
    wait_for(_list_topics(address))
    # The protocol has no word for a broker's version.
    yield Part(NAME, Source.ENVIRONMENT, address, "of unknown version")


_STARTS = {
    Source.ENVIRONMENT: _given,
    Source.CONTAINER: _container,
    Source.EMBEDDED: _embedded,
}


def kafka_part() -> AbstractContextManager[Part]:
    """Give a broker; its address is what clients call bootstrap servers."""
    return started(NAME, ADDRESS_VARIABLE, lambda source: _STARTS[source]())


@asynccontextmanager
async def admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a started admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def _list_topics(bootstrap_servers: str) -> None:
    async with admin(bootstrap_servers) as client:
        await client.list_topics()


def topic_name() -> str:
    """Return a name that no other topic has."""
    return f"test-{uuid.uuid4().hex}"


async def create_topic(
    bootstrap_servers: str,
    name: str,
    partitions: int = 1,
    configuration: Mapping[str, str] | None = None,
) -> None:
    """Create a topic on a single broker; raise `RuntimeError` with the broker's error code."""
    topic = NewTopic(name, partitions, 1, topic_configs=dict(configuration or {}))
    async with admin(bootstrap_servers) as client:
        response = await client.create_topics([topic])
    for created, code, *_ in response.topic_errors:
        if code != 0:
            raise RuntimeError(f"topic {created} was not created: Kafka's error code {code}")


def drift_topics(prefix: str) -> dict[str, str]:
    """Return names for the drift check's topics, by setting; a relay needs them too."""
    return {
        "LOYALTY_TOPIC_DRIFT_CHECK_REQUESTED": f"{prefix}-requests",
        "LOYALTY_TOPIC_DRIFT_ALERTS": f"{prefix}-alerts",
    }


async def create_drift_topics(bootstrap_servers: str, prefix: str) -> list[str]:
    """Create the topics of `drift_topics`, and the one for dead letters; return their names."""
    requests, alerts = drift_topics(prefix).values()
    names = [requests, f"{requests}.dlq", alerts]
    for name in names:
        await create_topic(bootstrap_servers, name)
    return names


async def delete_topics(bootstrap_servers: str, names: list[str]) -> None:
    """Delete topics."""
    async with admin(bootstrap_servers) as client:
        await client.delete_topics(names)
