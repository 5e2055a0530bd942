"""What one partition's task tells the outside: logs, metrics and its probe.

Codes, offsets and counts only; never a payload, an exception's text or a player.
"""

import time

from loyalty_worker.application.batches import Batch, Posted
from loyalty_worker.consumers.group_report import GroupReport, PartitionState
from loyalty_worker.consumers.record_report import report_released, report_settled
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault, NeedsPersonError, TopicHaltedError
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)


def partition_key(at: PartitionId) -> str:
    """Return the name under which a partition's progress is watched."""
    return f"partition {at}"


class PartitionReport:
    """One partition's view, from its task's start to its end."""

    def __init__(self, group: GroupReport, at: PartitionId) -> None:
        self._group = group
        self._health = group.health
        self._metrics = group.metrics
        self._at = at
        self._where: dict[str, str | int] = {"topic": at.topic, "partition": at.partition}
        self._key = partition_key(at)
        self._halted_for: str | None = None
        self._set(PartitionState.STARTING, "finding its start")

    def started(self, generation: int, offset: int) -> None:
        """The start was found."""
        self._group.committed.setdefault(self._at, offset)
        _log.info("partition_started", **self._where, generation=generation, offset=offset)

    def polled(self) -> None:
        """The task came round."""
        self._health.beat(self._key)
        self._metrics.consumer_last_poll_timestamp_seconds.set(time.time(), **self._where)

    def queued(self) -> None:
        """A batch waits for its turn; those before it are watched, each by its own beat."""
        self._health.forget(self._key)

    def flowing(self) -> None:
        """Records are posted as they come."""
        former = self._group.states.get(self._at)
        if former is PartitionState.FLOWING:
            return
        self._halted_for = None
        self._set(PartitionState.FLOWING, None)
        if former is not PartitionState.STARTING:
            _log.info("partition_flows_again", **self._where)

    def holding(self, error: BaseException | None, attempt: int, seconds: float) -> None:
        """The partition waits `seconds` before it tries again."""
        self._health.beat(self._key)
        if isinstance(error, NeedsPersonError):
            known = self._halted_for == error.reason
            self._halted_for = error.reason
            self._set(PartitionState.HALTED, error.reason)
            if isinstance(error, TopicHaltedError):
                self._group.topic_halted(error.reason, error.detail)
                return
            if known:  # it was said; the probe and the metrics keep saying it
                return
            _log.critical(
                "partition_halted",
                **self._where,
                reason=error.reason,
                hint=error.detail,
                looks_again_in_seconds=round(seconds, 1),
            )
            return
        reason = error.reason if isinstance(error, Fault) else "kafka_error"
        self._set(PartitionState.BACKOFF, reason)
        self._metrics.retries.inc(reason=reason)
        sqlstate = error.sqlstate if isinstance(error, Fault) else None
        if sqlstate is not None:
            self._metrics.db_errors.inc(sqlstate_class=sqlstate[:2])
        _log.warning(
            "partition_backs_off",
            **self._where,
            reason=reason,
            sqlstate=sqlstate,
            error=type(error).__name__,
            attempt=attempt,
            seconds=round(seconds, 2),
            hint="nothing is committed meanwhile; mend what `reason` and `sqlstate` name",
        )

    def posted(self, batch: Batch, verdict: Posted) -> None:
        """A batch is in the database."""
        now = time.time()
        self._group.topic_flows()
        self._metrics.batch_records.observe(len(batch.records))
        self._metrics.consumer_redelivered_records.inc(verdict.redelivered)
        for settled in verdict.settled:
            report_settled(self._metrics, settled, now)
        for released in verdict.released:
            report_released(self._metrics, released)

    def misplaced(self, batch: Batch, expected: int | None) -> None:
        """The database refused a range that does not join on to its position."""
        self._metrics.consumer_offset_gaps.inc()
        _log.warning(
            "batch_misplaced",
            **self._where,
            start=batch.start,
            expected=expected,
            hint="the partition finds its start anew; a restored database does this",
        )

    def committed(self, offset: int, seconds: float) -> None:
        """The group's offset is committed, which took `seconds`."""
        self._metrics.batch_duration_seconds.observe(seconds, stage="commit")
        self._group.committed[self._at] = offset
        self._metrics.consumer_committed_offset.set(offset, **self._where)

    def commit_failed(self, error: str) -> None:
        """Kafka did not take the offset; the batch itself is safe in the database."""
        self._metrics.consumer_commit_failures.inc()
        _log.warning(
            "commit_failed",
            **self._where,
            error=error,
            hint="nothing is lost: the next commit covers it, or the records are duplicates",
        )

    def ended(self) -> None:
        """Somebody else consumes the partition from now on."""
        self._health.release(self._key)
        self._health.forget(self._key)
        self._group.states.pop(self._at, None)
        self._group.committed.pop(self._at, None)
        self._group.show_states()
        self._metrics.forget_partition(self._at.topic, self._at.partition)

    def _set(self, state: PartitionState, reason: str | None) -> None:
        self._group.states[self._at] = state
        self._group.show_states()
        if reason is None:
            self._health.release(self._key)
        else:
            self._health.hold(self._key, f"{state.value}: {reason}")
