"""What is counted and logged for each record that was counted: codes, ids, a player's hash."""

from datetime import UTC, datetime
from uuid import UUID

from loyalty_worker.application.batches import Settled
from loyalty_worker.domain.events import Decoded, PromotionAwarded, SlipClosed
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.ports import Released
from loyalty_worker.telemetry.logs import get_logger
from loyalty_worker.telemetry.metrics import Metrics

_log = get_logger(__name__)


def report_settled(metrics: Metrics, settled: Settled, now: float) -> None:
    """Count one record, and log it where it is a dead letter; `now` in seconds since 1970."""
    record, outcome = settled.record, settled.outcome
    is_promotion = isinstance(settled.decoded, PromotionAwarded)
    _count(metrics, record.topic, outcome, "live", "promotion" if is_promotion else "base_accrual")
    _observe_ages(metrics, settled, now)
    if outcome.outcome is Outcome.DEAD_LETTERED:
        identity = settled.decoded.identity
        _log.warning(
            "record_dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=outcome.reason,
            sqlstate=outcome.sqlstate,
            event_id=None if identity is None else identity.id,
            player_id=_player_of(settled.decoded),  # the log has a keyed hash in its place
            # a decoder's detail names places only; the database's may hold the slip's facts
            detail=outcome.detail if outcome.sqlstate is None else "see the letter",
        )


def report_released(metrics: Metrics, released: Released) -> None:
    """Count one parked event that was settled."""
    _count(metrics, released.topic, released.outcome, "release", "promotion")


def _count(
    metrics: Metrics, topic: str, outcome: RecordOutcome, source: str, points_reason: str
) -> None:
    metrics.events.inc(topic=topic, outcome=outcome.outcome.value, source=source)
    if outcome.outcome is Outcome.ACCRUED:
        metrics.points.inc(outcome.points, reason=points_reason)
    elif outcome.duplicate_by is not None:
        metrics.duplicates.inc(by=outcome.duplicate_by.value)
    elif outcome.outcome is Outcome.DEAD_LETTERED:
        metrics.dead_letters.inc(topic=topic, reason=str(outcome.reason))


def _player_of(event: Decoded) -> UUID | None:
    return event.player_id if isinstance(event, SlipClosed) else None


def _observe_ages(metrics: Metrics, settled: Settled, now: float) -> None:
    record, event = settled.record, settled.decoded
    if record.timestamp_ms >= 0:  # a producer may leave it out
        metrics.record_to_commit_seconds.observe(
            max(0.0, now - record.timestamp_ms / 1000), source="live"
        )
    happened = None
    if isinstance(event, SlipClosed):
        happened = event.event_time or event.closed_at
    elif isinstance(event, PromotionAwarded):
        happened = event.event_time
    if happened is not None:
        age = (datetime.fromtimestamp(now, UTC) - happened).total_seconds()
        metrics.event_to_commit_seconds.observe(max(0.0, age), source="live")
