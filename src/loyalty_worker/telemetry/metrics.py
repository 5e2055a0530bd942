"""Every metric of the worker, in one list. Names start with `loyalty_`; times are in seconds."""

import platform
from collections.abc import Collection
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Info, ProcessCollector, generate_latest

from loyalty_worker.telemetry.families import (
    PREFIX,
    Allowed,
    ClosedCounter,
    ClosedGauge,
    ClosedHistogram,
    StoredCounter,
)
from loyalty_worker.telemetry.labels import (
    DRIFT_RESULTS,
    HALT_REASONS,
    OUTCOMES,
    PARKED_REASONS,
    PAUSE_REASONS,
    POINT_REASONS,
    POOL_STATES,
    REBALANCE_EVENTS,
    SEVERITIES,
    SOURCES,
    SQLSTATE_CLASSES,
    STAGES,
)

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# The service level is 30 s: it must be a bound, so that the share within it is exact.
_TO_COMMIT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_RECORDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)


class Metrics:
    """The worker's metrics, on a registry of their own.

    `topics`, `dead_letter_reasons` and `fault_reasons` are the closed sets of those labels;
    whatever else comes counts as `other`.
    """

    def __init__(
        self,
        *,
        topics: Collection[str],
        dead_letter_reasons: Collection[str],
        fault_reasons: Collection[str],
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Info("loyalty_build", "Version of the worker", registry=self.registry)
        build.info({"version": version("loyalty-worker"), "python": platform.python_version()})
        self._ready = self._gauge("ready", "1 while /readyz is true, else 0")
        self._consumer(topics)
        self._work(topics, dead_letter_reasons, fault_reasons)
        self._stored(topics, dead_letter_reasons)
        self._drift()
        self._database()

    def render(self, *, ready: bool) -> bytes:
        """Return the Prometheus text exposition."""
        self._ready.set(int(ready))
        return generate_latest(self.registry)

    def forget_partition(self, topic: str, partition: int) -> None:
        """Show no lag or offsets of a partition that somebody else consumes now."""
        for gauge in (
            self.consumer_lag_records,
            self.consumer_lag_seconds,
            self.consumer_committed_offset,
            self.consumer_end_offset,
            self.consumer_last_poll_timestamp_seconds,
        ):
            gauge.remove(topic=topic, partition=partition)

    def _consumer(self, topics: Collection[str]) -> None:
        at = {"topic": topics, "partition": None}
        self.consumer_lag_records = self._gauge(
            "consumer_lag_records", "Records above the committed offset", at
        )
        self.consumer_lag_seconds = self._gauge(
            "consumer_lag_seconds", "Age of the oldest uncommitted record, 0 without lag", at
        )
        self.consumer_committed_offset = self._gauge(
            "consumer_committed_offset", "Committed offset", at
        )
        self.consumer_end_offset = self._gauge("consumer_end_offset", "End of the log", at)
        self.consumer_last_poll_timestamp_seconds = self._gauge(
            "consumer_last_poll_timestamp_seconds", "When the partition was last polled", at
        )
        self.consumer_assigned_partitions = self._gauge(
            "consumer_assigned_partitions", "Partitions assigned to this worker"
        )
        self.consumer_paused_partitions = self._gauge(
            "consumer_paused_partitions", "Partitions that wait", {"reason": PAUSE_REASONS}
        )
        self.consumer_rebalances = self._counter(
            "consumer_rebalances", "Rebalance callbacks", {"event": REBALANCE_EVENTS}
        )
        self.consumer_commit_failures = self._counter(
            "consumer_commit_failures", "Offset commits that Kafka refused or did not answer"
        )
        self.consumer_offset_gaps = self._counter(
            "consumer_offset_gaps", "Ranges refused because they began above the position"
        )

        self.consumer_redelivered_records = self._counter(
            "consumer_redelivered_records", "Records read again that were counted before"
        )

    def _work(
        self,
        topics: Collection[str],
        dead_letter_reasons: Collection[str],
        fault_reasons: Collection[str],
    ) -> None:
        source = {"source": SOURCES}
        self.events = self._counter(
            "events", "Processed records", {"topic": topics, "outcome": OUTCOMES, **source}
        )
        self.duplicates = self._counter(
            "duplicates", "Duplicates, by how they were known", {"by": ("key", "natural_key")}
        )
        self.dead_letters = self._counter(
            "dead_letters", "Dead letters filed", {"topic": topics, "reason": dead_letter_reasons}
        )
        self.retries = self._counter(
            "retries", "Batches and duties that will be tried again", {"reason": fault_reasons}
        )
        self.points = self._counter("points", "Points minted", {"reason": POINT_REASONS})
        self.batch_records = self._histogram("batch_records", "Records of a batch", _RECORDS)
        self.batch_duration_seconds = self._histogram(
            "batch_duration_seconds", "Time of a batch, by stage", _FAST, {"stage": STAGES}
        )
        self.record_to_commit_seconds = self._histogram(
            "record_to_commit_seconds", "From the broker's timestamp to commit", _TO_COMMIT, source
        )
        self.event_to_commit_seconds = self._histogram(
            "event_to_commit_seconds", "From the event's time to the commit", _TO_COMMIT, source
        )

    def _stored(self, topics: Collection[str], dead_letter_reasons: Collection[str]) -> None:
        """What every replica reads from the database, so that it survives restarts."""
        self.consumer_halted = self._gauge(
            "consumer_halted",
            "1 while the topic is halted until a person resumes it",
            {"topic": topics, "reason": HALT_REASONS},
        )
        self.dead_letters_open = self._gauge(
            "dead_letters_open",
            "Dead letters that wait for a person",
            {"reason": dead_letter_reasons},
        )
        self.dead_letter_oldest_timestamp_seconds = self._gauge(
            "dead_letter_oldest_timestamp_seconds", "When the oldest open one was filed; 0 for none"
        )
        self.parked_events = self._gauge(
            "parked_events", "Events that wait", {"reason": PARKED_REASONS}
        )

    def _drift(self) -> None:
        """What the newest finished drift checks found; from the database as well."""
        self.drift_players = self._gauge(
            "drift_players",
            "Players whose balance drifts, by the gravest finding",
            {"severity": SEVERITIES},
        )
        self.drift_points_abs = self._gauge("drift_points_abs", "Sum of their drift, without sign")
        self.drift_check_runs = StoredCounter(
            self.registry,
            f"{PREFIX}drift_check_runs",
            "Finished drift checks",
            "result",
            DRIFT_RESULTS,
        )
        self.drift_check_last_success_timestamp_seconds = self._gauge(
            "drift_check_last_success_timestamp_seconds",
            "When the newest check of all casinos was finished; 0 for none",
        )
        self.drift_check_duration_seconds = self._gauge(
            "drift_check_duration_seconds", "How long the newest check of all casinos took"
        )

    def _database(self) -> None:
        self.db_pool_connections = self._gauge(
            "db_pool_connections", "Connections of the pool", {"state": POOL_STATES}
        )
        self.db_pool_acquire_seconds = self._histogram(
            "db_pool_acquire_seconds", "Wait for a connection of the pool", _FAST
        )
        self.db_errors = self._counter(
            "db_errors", "Errors of PostgreSQL at posting", {"sqlstate_class": SQLSTATE_CLASSES}
        )

    def _counter(self, name: str, meaning: str, allowed: Allowed | None = None) -> ClosedCounter:
        return ClosedCounter(self.registry, f"{PREFIX}{name}", meaning, allowed)

    def _gauge(self, name: str, meaning: str, allowed: Allowed | None = None) -> ClosedGauge:
        return ClosedGauge(self.registry, f"{PREFIX}{name}", meaning, allowed)

    def _histogram(
        self,
        name: str,
        meaning: str,
        buckets: tuple[float, ...],
        allowed: Allowed | None = None,
    ) -> ClosedHistogram:
        return ClosedHistogram(self.registry, f"{PREFIX}{name}", meaning, buckets, allowed)
