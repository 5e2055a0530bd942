"""What a consumer group tells the outside: membership, lag, and which partitions wait."""

from collections import Counter
from enum import StrEnum

from loyalty_worker.domain.records import PartitionId
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.logs import get_logger
from loyalty_worker.telemetry.metrics import Metrics

_log = get_logger(__name__)


class PartitionState(StrEnum):
    """Whether a partition moves, and if not, why; the values are the metric's reasons."""

    STARTING = "starting"
    FLOWING = "flowing"
    BACKOFF = "backoff"
    HALTED = "halted"


class GroupReport:
    """One consumer group's view: membership, and the state of each assigned partition.

    `states` is shared by all groups of the process: its gauges show their partitions together.
    """

    def __init__(
        self,
        group: str,
        topic: str,
        health: Health,
        metrics: Metrics,
        states: dict[PartitionId, PartitionState],
    ) -> None:
        self.group = group
        self.topic = topic
        self.health = health
        self.metrics = metrics
        self.states = states
        self.committed: dict[PartitionId, int] = {}
        self._halted_for: str | None = None

    def joining(self) -> None:
        """Not a member yet, or between two assignments."""
        self.health.hold(f"group {self.group}", "joining")

    def assigned(self, partitions: int) -> None:
        """A rebalance gave us this many partitions."""
        self.health.release(f"group {self.group}")
        self.metrics.consumer_rebalances.inc(event="assigned")
        _log.info("partitions_assigned", group=self.group, partitions=partitions)

    def revoked(self, partitions: int) -> None:
        """A rebalance takes our partitions away."""
        self.joining()
        if partitions:
            self.metrics.consumer_rebalances.inc(event="revoked")
            _log.info("partitions_revoked", group=self.group, partitions=partitions)

    def topic_halted(self, reason: str, hint: str) -> None:
        """The topic waits for a person; said once, however many of its partitions wait."""
        if self._halted_for == reason:
            return
        self._halted_for = reason
        _log.critical("topic_halted", group=self.group, topic=self.topic, reason=reason, hint=hint)

    def topic_flows(self) -> None:
        """A partition of the topic posts; nothing halts the topic."""
        if self._halted_for is not None:
            self._halted_for = None
            _log.info("topic_flows_again", group=self.group, topic=self.topic)

    def tick(self) -> None:
        """The supervisor is alive."""
        self.health.beat(f"supervisor {self.group}")

    def client_failed(self, error: str) -> None:
        """The client gave up something in the background; `error` is the exception's type."""
        _log.error(
            "kafka_client_failed",
            group=self.group,
            error=error,
            hint="check the group's and the topic's ACLs, and the broker's log",
        )

    def task_died(self, name: str, error: BaseException | None) -> None:
        """A partition's task ended by a mistake of ours."""
        _log.error(
            "partition_task_died",
            partition=name,
            exc_info=error,
            hint="while the partition is this worker's, it is started again; report the mistake",
        )

    def drain_timed_out(self, name: str) -> None:
        """A batch took longer than the drain: not committed, so the next owner finds duplicates."""
        _log.warning(
            "drain_timed_out",
            partition=name,
            hint="nothing is lost: the next owner finds duplicates. Where it happens again and"
            " again, look for slow statements, or raise LOYALTY_DRAIN_TIMEOUT_SECONDS",
        )

    def kafka_unreachable(self) -> None:
        """The broker does not answer."""
        self.health.hold("kafka", "the broker does not answer")

    def kafka_reachable(self) -> None:
        """The broker answers."""
        self.health.release("kafka")

    def lag(self, at: PartitionId, end: int, lag: int, age_seconds: float) -> None:
        """Show how far a partition is behind."""
        if at not in self.committed:
            return  # revoked while it was sampled: another member shows it now
        where: dict[str, str | int] = {"topic": at.topic, "partition": at.partition}
        self.metrics.consumer_end_offset.set(end, **where)
        self.metrics.consumer_lag_records.set(lag, **where)
        self.metrics.consumer_lag_seconds.set(age_seconds, **where)

    def show_states(self) -> None:
        """Show how many partitions there are, and how many wait, by reason."""
        self.metrics.consumer_assigned_partitions.set(len(self.states))
        counts = Counter(self.states.values())
        for state in PartitionState:
            if state is not PartitionState.FLOWING:
                self.metrics.consumer_paused_partitions.set(counts[state], reason=state.value)
