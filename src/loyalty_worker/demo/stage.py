"""The parts that a demonstration runs on: started, migrated and provisioned; gone at its end."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loyalty_worker.database.migrate import migrate_up
from loyalty_worker.database.operator import add_casino, operator_transaction
from loyalty_worker.demo.messages import Topic
from loyalty_worker.demo.scene import Casino
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import (
    DatabaseUrls,
    create_database,
    create_logins,
    grant_group_roles,
)
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
from loyalty_worker.publishing.topics import TopicSpec, create_topics

TOPIC: Final = "rating-slip-closed"
PROMOTIONS: Final = "promotion"
TOPICS: Final = {Topic.RATING_SLIP_CLOSED: TOPIC, Topic.PROMOTION: PROMOTIONS}
DRIFT_REQUESTS: Final = "drift-check-requested"
DRIFT_ALERTS: Final = "loyalty-drift-alerts"
PARTITIONS: Final = 4

# As in production: lag and the service level are measured by the broker's clock.
_TOPIC_CONFIGURATION: Final = {"message.timestamp.type": "LogAppendTime"}
_ACTOR: Final = "loyalty demo"


@dataclass(frozen=True, slots=True)
class Stage:
    """Running parts: a broker with the topics, a database with casinos, a directory for files."""

    directory: Path
    bootstrap_servers: str
    database: DatabaseUrls


@contextmanager
def raised_stage(casinos: Sequence[Casino], announce: Callable[[str], None]) -> Iterator[Stage]:
    """Start and prepare all parts within the context, and announce each; call it outside a loop.

    Raises `EmbeddedServerError` for a part that does not come up.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(temporary_directory("loyalty-demo-"))
        postgres = EmbeddedPostgres(_folder(directory, "postgres"))
        # Before the start: Ctrl-C while a part comes up must stop it too.
        stack.callback(postgres.stop)
        postgres.start()
        announce(f"PostgreSQL {postgres.version} is up, on port {postgres.port}")
        kafka = EmbeddedKafka(_folder(directory, "kafka"))
        stack.callback(kafka.stop)
        kafka.start()
        announce(f"Apache Kafka {kafka.version} is up, on port {kafka.port}")
        stage = Stage(
            directory,
            kafka.bootstrap_servers,
            asyncio.run(_prepare_database(postgres.superuser_url, casinos, announce)),
        )
        asyncio.run(_create_topics(stage.bootstrap_servers))
        announce(f"topics of events, alerts and dead letters have {PARTITIONS} partitions each")
        yield stage


def _folder(directory: Path, name: str) -> Path:
    folder = directory / name
    folder.mkdir()
    # PostgreSQL may have to run under another account, which passes through.
    folder.chmod(0o711)
    return folder


async def _prepare_database(
    superuser_url: str, casinos: Sequence[Casino], announce: Callable[[str], None]
) -> DatabaseUrls:
    logins = await create_logins(superuser_url)
    database = await create_database(superuser_url, "loyalty", logins)
    report = await migrate_up(database.owner)
    await grant_group_roles(superuser_url, logins)
    announce(f"database is migrated to version {report.version}, by its owner's login")
    ids = [casino.casino_id for casino in casinos]
    async with operator_transaction(database.operator, ids, _ACTOR) as operator:
        for casino in casinos:
            await add_casino(operator, casino.casino_id, casino.name, casino.timezone)
    names = ", ".join(casino.name for casino in casinos)
    announce(f"casinos are provisioned, by an operator's login: {names}")
    return database


async def _create_topics(bootstrap_servers: str) -> None:
    options = {"bootstrap_servers": [bootstrap_servers]}
    inputs = (TOPIC, PROMOTIONS, DRIFT_REQUESTS)
    names = (*inputs, *(f"{name}.dlq" for name in inputs), DRIFT_ALERTS)
    specs = [TopicSpec(name, _TOPIC_CONFIGURATION) for name in names]
    await create_topics(options, specs, PARTITIONS, 1)
