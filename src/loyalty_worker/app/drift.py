"""Builds the drift check's parts: the consumer of requests, the scheduler, the alerts' relay."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import asyncpg

from loyalty_worker.app.consumer import GroupConsumer, Handling, Shared
from loyalty_worker.app.duties import Duty, relay_duty
from loyalty_worker.app.parts import Part
from loyalty_worker.application.batches import Batch, Verdict
from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits
from loyalty_worker.application.drift_requests import AnswerDriftRequests
from loyalty_worker.application.schedule import ClaimTicks, Message, Schedule
from loyalty_worker.consumers.committed_position import CommittedPositions
from loyalty_worker.consumers.decoder import DriftRequestDecoder
from loyalty_worker.consumers.partition_report import partition_key
from loyalty_worker.database.drift_checks import PostgresDriftChecks
from loyalty_worker.database.drift_ticks import PostgresDriftTicks
from loyalty_worker.database.outbox_records import OutboxRecords
from loyalty_worker.domain.events import Decoded, EventIdentity
from loyalty_worker.ports import DriftSummary, Publisher
from loyalty_worker.publishing.drift_request import (
    ALERT_SOURCE,
    HEADERS,
    KEY,
    SCHEDULE_SOURCE,
    drift_request,
)
from loyalty_worker.settings import Settings
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
_TICK_SECONDS = 1.0
# A check is cut off between two commits when its partition goes to another member, which goes on.
_DRAIN_SECONDS = 5.0
_ONE_AT_A_TIME = 1
_BEATS_PER_STALL = 4
_HINTS = {
    "drift": "look with `loyalty drift list`; `loyalty drift reconcile` mends a cached balance",
    "abandoned": "it stood still for an hour and another check began: look at that one",
}


def check_drift(settings: Settings, pool: asyncpg.Pool) -> CheckDrift:
    """Return the drift check on this pool."""
    checks = PostgresDriftChecks(
        pool,
        settings.database_acquire_timeout_seconds,
        alerts_topic=settings.topic_drift_alerts,
        source=ALERT_SOURCE,
    )
    return CheckDrift(checks, ChunkLimits(load=settings.drift_check_load))


def drift_consumer(pool: asyncpg.Pool, shared: Shared) -> GroupConsumer:
    """Return the consumer that answers requests for a drift check, one at a time."""
    settings, group = shared.settings, shared.settings.drift_group
    answer = AnswerDriftRequests(
        check_drift(settings, pool),
        shared.ledger,
        group,
        schedule_source=SCHEDULE_SOURCE,
        on_checked=_say_checked,
    )
    pause = settings.stall_timeout_seconds / _BEATS_PER_STALL

    async def post(batch: Batch, decoded: tuple[Decoded, ...]) -> Verdict:
        with _beating(shared.health, partition_key(batch.at), pause):
            return await answer(batch, decoded)

    handling = Handling(
        decoder=DriftRequestDecoder(),
        positions=CommittedPositions,
        post=post,
        in_flight=asyncio.Semaphore(_ONE_AT_A_TIME),
        max_records=_ONE_AT_A_TIME,
        drain_timeout=_DRAIN_SECONDS,
    )
    return GroupConsumer(settings.topic_drift_check_requested, group, handling, shared)


@contextmanager
def _beating(health: Health, key: str, pause: float) -> Iterator[None]:
    """Keep a part alive that may wait for longer than liveness does.

    What hangs is found all the same: a check awaits nothing but the database, where every statement
    has its timeout and becomes a fault, and pauses that end; an event loop that stands still does
    not beat.
    """

    async def beat() -> None:
        while True:
            health.beat(key)
            await asyncio.sleep(pause)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def scheduler(settings: Settings, pool: asyncpg.Pool, holder: str) -> Duty:
    """Return the duty that claims the schedule's ticks; every replica does it."""

    def request(tick: datetime) -> Message:
        identity = EventIdentity(SCHEDULE_SOURCE, f"drift-check:{tick.isoformat()}")
        value = drift_request(identity, tick, None, "scheduler")
        return Message(settings.topic_drift_check_requested, KEY, value, HEADERS)

    claim = ClaimTicks(
        PostgresDriftTicks(pool, settings.database_acquire_timeout_seconds, holder),
        Schedule(settings.drift_schedule, settings.drift_timezone),
        request,
        clock=lambda: datetime.now(UTC),
    )

    async def claim_tick() -> bool:
        tick = await claim()
        if tick is not None:
            _log.info("drift_check_scheduled", tick=tick.isoformat())
        return False

    return Duty(Part.SCHEDULER.value, _TICK_SECONDS, claim_tick, shared=True)


def alert_relay(settings: Settings, pool: asyncpg.Pool, publisher: Publisher) -> Duty:
    """Return the duty that publishes drift alerts and the schedule's requests."""
    topics = (settings.topic_drift_alerts, settings.topic_drift_check_requested)
    outbox = OutboxRecords(pool, settings.database_acquire_timeout_seconds, topics)
    return relay_duty("relay-outbox", outbox, publisher)


def _say_checked(summary: DriftSummary) -> None:
    told = {
        "run": str(summary.run_id),
        "verdict": summary.verdict,
        "players": summary.players_checked,
        "drifted": summary.players_drifted,
        "largest_drift": summary.largest_drift,
    }
    if summary.verdict == "clean":
        _log.info("drift_check_finished", **told)
    else:
        _log.warning("drift_check_finished", **told, hint=_HINTS.get(summary.verdict))
