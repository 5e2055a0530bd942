"""Fixtures: real Apache Kafka and PostgreSQL, and what a test makes on them.

Session-wide servers start when the first test asks for them; see `parts` for where they come from.
Where tests run in several processes (`pytest -n`), each has servers of its own. The private ones
are always child processes: tests stop, kill and freeze them.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest
from xdist.workermanage import WorkerController

from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls, create_logins
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
from parts import kafka as kafka_parts
from parts import postgres as postgres_parts
from parts.blocking import wait_for
from parts.postgres import Databases, databases_on, migrated_database
from parts.source import Part, source_of

_OUTPUT = "parts"
_used: pytest.StashKey[set[str]] = pytest.StashKey()


class TopicFactory(Protocol):
    """Creates a topic and returns its name; it is deleted after the test."""

    def __call__(
        self, partitions: int = 1, configuration: Mapping[str, str] | None = None
    ) -> Awaitable[str]: ...


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores it, and so would the programs that tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_used] = set()
    # How long an example takes depends on what else the machine does.
    hypothesis.settings.register_profile(
        "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("shared machine")


def pytest_report_header() -> list[str]:
    return [
        f"{module.NAME}: from {source_of(module.ADDRESS_VARIABLE)}, when first needed"
        for module in (kafka_parts, postgres_parts)
    ]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    used = config.stash[_used]
    for part in sorted(used):
        terminalreporter.write_line(f"tested on {part}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the parts to the process that prints the summary, where this is not it."""
    used = session.config.stash[_used]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = sorted(used)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take what such a process used; one that crashed hands over nothing."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_used].update(output.get(_OUTPUT, ()))


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Part]:
    """The session's broker; `address` is its bootstrap server."""
    with kafka_parts.kafka_part() as part:
        pytestconfig.stash[_used].add(str(part))
        yield part


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[Part]:
    """The session's server; `address` is a superuser's URL."""
    with postgres_parts.postgres_part() as part:
        pytestconfig.stash[_used].add(str(part))
        yield part


@pytest.fixture(scope="session")
def databases(postgres: Part) -> Iterator[Databases]:
    """The maker of the session's databases, for tests that want several."""
    with databases_on(postgres.address) as maker:
        yield maker


@pytest.fixture
def database(databases: Databases) -> Iterator[DatabaseUrls]:
    """A migrated database of the test's own."""
    with databases.migrated() as urls:
        yield urls


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[DatabaseUrls]:
    """A database of the test's own that nobody migrated."""
    with databases.empty() as urls:
        yield urls


@pytest.fixture
async def create_topic(kafka: Part) -> AsyncIterator[TopicFactory]:
    """Creates topics with unique names on the session's broker."""
    names: list[str] = []

    async def create(partitions: int = 1, configuration: Mapping[str, str] | None = None) -> str:
        name = kafka_parts.topic_name()
        await kafka_parts.create_topic(kafka.address, name, partitions, configuration)
        names.append(name)
        return name

    yield create
    if names:
        await kafka_parts.delete_topics(kafka.address, names)


@pytest.fixture
async def topic(create_topic: TopicFactory) -> str:
    """A topic of the test's own, of one partition."""
    return await create_topic()


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that servers of another account can pass through; gone after the test."""
    with temporary_directory() as path:
        yield path


@pytest.fixture
def private_kafka() -> Iterator[EmbeddedKafka]:
    """A running broker of the test's own, to be stopped, killed and frozen."""
    with temporary_directory() as path, EmbeddedKafka(path) as broker:
        yield broker


@pytest.fixture
def private_postgres() -> Iterator[EmbeddedPostgres]:
    """A running server of the test's own, to be stopped and killed."""
    binaries = postgres_parts.chosen_binaries()
    with temporary_directory() as path, EmbeddedPostgres(path, binaries=binaries) as server:
        yield server


@pytest.fixture
def private_database(private_postgres: EmbeddedPostgres) -> DatabaseUrls:
    """A migrated database on the private server."""
    superuser_url = private_postgres.superuser_url
    logins = wait_for(create_logins(superuser_url))
    return wait_for(migrated_database(superuser_url, "loyalty", logins))
