"""What must be there before the worker joins its group; waited for, said clearly, never assumed."""

import asyncio
from typing import TYPE_CHECKING, TypeAlias, cast

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from loyalty_worker.database.migration_files import MigrationFolder
from loyalty_worker.database.schema_check import schema_problem
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.ports import Fault
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.logs import get_logger

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

_log = get_logger(__name__)
_KEY = "start"
# A server that has gone silent is to be said sooner than its statements would time out.
_DATABASE_CHECK_SECONDS = 5.0


class NotYetError(Exception):
    """A dependency is missing or unfit; the text names it and says what to do."""


async def check_database(pool: asyncpg.Pool, migrations: MigrationFolder) -> None:
    """Raise `NotYetError` unless the database answers and its schema fits these migrations."""
    try:
        with faults():
            async with (
                asyncio.timeout(_DATABASE_CHECK_SECONDS),
                pool.acquire(timeout=_DATABASE_CHECK_SECONDS) as connection,
            ):
                problem = await schema_problem(cast("Connection", connection), migrations)
    except Fault as fault:
        raise NotYetError(
            f"PostgreSQL: {fault}; check LOYALTY_DATABASE_URL and the server"
        ) from None
    if problem is not None:
        raise NotYetError(problem)


async def check_topics(probe: AIOKafkaConsumer, topics: list[str]) -> None:
    """Raise `NotYetError` unless the broker answers and has these topics; closes `probe`."""
    try:
        await probe.start()
        existing = await probe.topics()
    except (KafkaError, OSError, TimeoutError) as error:
        raise NotYetError(
            f"Kafka: {type(error).__name__}; check LOYALTY_KAFKA_BOOTSTRAP_SERVERS and the broker"
        ) from None
    finally:
        await probe.stop()
    missing = [topic for topic in topics if topic not in existing]
    if missing:
        raise NotYetError(
            f"Kafka has no topic {', '.join(missing)}: run `loyalty topics create`, "
            "or name the topics by LOYALTY_TOPIC_…"
        )


def retrying(health: Health, max_wait: float) -> AsyncRetrying:
    """Return a loop that tries until nothing is missing, and keeps saying what it waits for."""

    def say(state: RetryCallState) -> None:
        health.beat(_KEY)
        problem = str(state.outcome.exception()) if state.outcome else ""
        health.hold(_KEY, problem)
        _log.warning("waiting_for_dependency", problem=problem, seconds=state.upcoming_sleep)

    return AsyncRetrying(
        wait=wait_random_exponential(multiplier=0.5, max=max_wait),
        retry=retry_if_exception_type(NotYetError),
        before_sleep=say,
    )
