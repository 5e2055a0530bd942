"""One worker process, from its first log line to its exit status."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError
from faststream import FastStream
from faststream.kafka import KafkaBroker

from loyalty_worker.app.asyncapi import asyncapi_document
from loyalty_worker.app.consumer import CLIENT_RETRY_MS, Shared, event_consumer, inspector_client
from loyalty_worker.app.database import database_url, pool_limits, watch_database
from loyalty_worker.app.drift import drift_consumer
from loyalty_worker.app.duties import do_duty
from loyalty_worker.app.gauges import watch_stored_state
from loyalty_worker.app.parts import (
    Part,
    consumptions,
    contracts,
    needed_topics,
    published_topics,
)
from loyalty_worker.app.roster import HOLDER, duties_of
from loyalty_worker.app.signals import stop_on_signals
from loyalty_worker.app.startup import check_database, check_topics, retrying
from loyalty_worker.database.leases import PostgresLeases
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.migration_files import read_migrations
from loyalty_worker.database.pool import open_pool
from loyalty_worker.database.sqlstates import FAULT_REASONS
from loyalty_worker.domain.events import DecodeReason
from loyalty_worker.domain.outcomes import LetterReason
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.settings import Settings
from loyalty_worker.settings.broker import broker_security
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.http import HttpPages, serve_http
from loyalty_worker.telemetry.logs import configure_logging, get_logger
from loyalty_worker.telemetry.metrics import Metrics

_log = get_logger(__name__)
# How soon new partitions, and a topic that was created again, are noticed; by default 5 minutes,
# in which the group would be idle and call itself ready.
_METADATA_MAX_AGE_MS = 10_000
EXIT_DONE = 0
EXIT_UNEXPECTED = 1


def run(settings: Settings, parts: Collection[Part] = tuple(Part)) -> int:
    """Run these parts of the worker until told to stop; return the process's exit status."""
    key = settings.log_pseudonym_key
    configure_logging(settings.log_level, None if key is None else key.get_secret_value())
    return asyncio.run(_Worker(settings, frozenset(parts)).run())


class _Worker:
    def __init__(self, settings: Settings, parts: frozenset[Part]) -> None:
        self._settings = settings
        self._consumptions = [one for part, one in consumptions(settings).items() if part in parts]
        self._parts = parts
        self._status = EXIT_DONE
        self._migrations = read_migrations()
        self._health = Health(settings.stall_timeout_seconds)
        self._metrics = Metrics(
            topics=[
                settings.topic_rating_slip_closed,
                settings.topic_promotion,
                settings.topic_drift_check_requested,
            ],
            dead_letter_reasons=[*DecodeReason, *LetterReason, *(one.name for one in Refusal)],
            fault_reasons=FAULT_REASONS,
        )
        self._broker = KafkaBroker(
            settings.kafka_bootstrap_servers.split(","),
            security=broker_security(settings),
            client_id="loyalty-worker",
            request_timeout_ms=settings.kafka_request_timeout_ms,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            retry_backoff_ms=CLIENT_RETRY_MS,
            graceful_timeout=settings.graceful_timeout_seconds,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
        )
        self._app = FastStream(
            self._broker, logger=None, lifespan=self._lifespan, on_startup=[self._wait]
        )

    async def run(self) -> int:
        self._health.hold("start", "starting")
        try:
            await self._app.run()
        except KafkaError as error:
            self._fail("kafka_client_failed", error)
        _log.info("worker_stopped", status=self._status)
        return self._status

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        stop_on_signals(self._app.exit)
        settings = self._settings
        async with AsyncExitStack() as stack:
            self._pool = await stack.enter_async_context(
                open_pool(database_url(settings), pool_limits(settings))
            )
            ledger = PostgresLedger(
                self._pool,
                settings.database_acquire_timeout_seconds,
                self._metrics.db_pool_acquire_seconds.observe,
            )
            shared = Shared(
                settings,
                self._broker,
                ledger,
                self._health,
                self._metrics,
                asyncio.Semaphore(settings.max_batches_in_flight),
                self._fail,
            )
            consumers = [event_consumer(one, shared) for one in self._consumptions]
            if Part.DRIFT in self._parts:
                consumers.append(drift_consumer(self._pool, shared))
            published = published_topics(settings) if Part.RELAY in self._parts else ()
            document = asyncapi_document(self._broker, contracts(settings), published)
            pages = HttpPages(
                metrics=lambda: self._metrics.render(ready=self._health.ready().ok),
                live=self._health.live,
                ready=self._health.ready,
                asyncapi=lambda: document,
            )
            port = await stack.enter_async_context(
                serve_http(settings.http_host, settings.http_port, pages)
            )
            _log.info("worker_started", http=f"http://{settings.http_host}:{port}", pid=os.getpid())
            duties = await stack.enter_async_context(
                duties_of(self._parts, settings, self._pool, ledger, self._metrics)
            )
            leases = PostgresLeases(self._pool, settings.database_acquire_timeout_seconds, HOLDER)
            watches: tuple[Coroutine[Any, Any, None], ...] = (
                *(do_duty(duty, leases, self._health, self._metrics) for duty in duties),
                *(consumer.watch() for consumer in consumers),
                watch_database(self._pool, self._migrations, self._health, self._metrics),
                watch_stored_state(
                    self._pool,
                    settings.database_acquire_timeout_seconds,
                    [one.topic for one in self._consumptions],
                    self._health,
                    self._metrics,
                ),
            )
            for watch in watches:
                task = asyncio.create_task(watch)
                task.add_done_callback(self._notice_end)
                stack.push_async_callback(_end, task)
            yield

    async def _wait(self) -> None:
        topics = needed_topics(self._settings, self._parts)
        async for attempt in retrying(self._health, self._settings.retry_backoff_max_ms / 1000):
            with attempt:
                await check_database(self._pool, self._migrations)
                await check_topics(inspector_client(self._settings), topics)
        self._health.forget("start")
        self._health.release("start")

    def _notice_end(self, watch: "asyncio.Task[None]") -> None:
        error = None if watch.cancelled() else watch.exception()
        if error is not None:
            self._fail("watch_died", error)

    def _fail(self, reason: str, error: BaseException | None = None) -> None:
        _log.critical(
            "worker_fails",
            reason=reason,
            exc_info=error,
            hint="nothing is lost: the process ends with status 1 and is to be started again",
        )
        self._status = EXIT_UNEXPECTED
        self._app.exit()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])  # what it died of, if it did, was said by then
