"""Builds what brings kept records back, and what copies dead letters: sweeper and relay."""

from datetime import timedelta

import asyncpg

from loyalty_worker.app.duties import Duty, relay_duty
from loyalty_worker.app.parts import Part
from loyalty_worker.application.release_parked import ReleaseParked
from loyalty_worker.consumers.decoder import event_decoders
from loyalty_worker.consumers.record_report import report_released
from loyalty_worker.database.outbox import LetterCopies
from loyalty_worker.database.stored import StoredRecords
from loyalty_worker.domain.idempotency import Operation
from loyalty_worker.ports import Fault, Ledger, Publisher, StoredRecord
from loyalty_worker.settings import Settings
from loyalty_worker.telemetry.logs import get_logger
from loyalty_worker.telemetry.metrics import Metrics

_log = get_logger(__name__)
_SWEEP_SECONDS = 1.0


def sweeper(settings: Settings, pool: asyncpg.Pool, ledger: Ledger, metrics: Metrics) -> Duty:
    """Return the duty that releases parked events."""
    stored = StoredRecords(
        pool,
        settings.database_acquire_timeout_seconds,
        metrics.db_pool_acquire_seconds.observe,
    )
    release = ReleaseParked(
        ledger,
        stored,
        event_decoders(settings.topic_rating_slip_closed, settings.topic_promotion),
        timedelta(seconds=settings.parked_expiry_seconds),
        _say_failure,
    )

    async def sweep() -> bool:
        for released in await release():
            report_released(metrics, released)
        return False

    return Duty(Part.SWEEPER.value, _SWEEP_SECONDS, sweep)


def relay(settings: Settings, pool: asyncpg.Pool, publisher: Publisher) -> Duty:
    """Return the duty that publishes the copies of dead letters."""
    operations: dict[str, Operation] = {
        settings.topic_rating_slip_closed: "base_accrual",
        settings.topic_promotion: "promotion",
    }
    copies = LetterCopies(pool, settings.database_acquire_timeout_seconds, operations)
    return relay_duty(Part.RELAY.value, copies, publisher)


def _say_failure(stored: StoredRecord, fault: Fault) -> None:
    _log.error(
        "release_failed",
        topic=stored.record.topic,
        partition=stored.record.partition,
        offset=stored.record.offset,
        parked=stored.id,
        reason=fault.reason,
        sqlstate=fault.sqlstate,
        hint="the event stays parked and is tried at every sweep; the others go on",
    )
