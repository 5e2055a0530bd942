"""Builds a consumer from its parts: one group, one topic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream.kafka import KafkaBroker

from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.isolate import Isolate, UnknownErrorPolicy
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.consumers.group_report import GroupReport, PartitionState
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.lag import LagSampler
from loyalty_worker.consumers.partition import PartitionContext, PartitionLimits, PartitionTask
from loyalty_worker.consumers.partition_report import PartitionReport
from loyalty_worker.consumers.position import PartitionPositions, Positions
from loyalty_worker.consumers.subscriber import Consume
from loyalty_worker.consumers.subscription import Post, subscribe
from loyalty_worker.consumers.supervisor import GroupSupervisor
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Decoder, Ledger
from loyalty_worker.settings import Settings
from loyalty_worker.settings.kafka import kafka_client_options
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics

# aiokafka's own idle check would evict a spare member without partitions, and is not enforced
# after any exception inside a fetch; the supervisor's beats and /livez take its place.
_NO_IDLE_CHECK_MS = 24 * 60 * 60 * 1000
# aiokafka tries again, and says so, every 100 ms by default: 150 lines a second without a broker.
CLIENT_RETRY_MS = 1_000
_INSPECTOR_TIMEOUT_SECONDS = 5.0
_INSPECTOR_FETCH_BYTES = 64 * 1024
_LAG_INTERVAL_SECONDS = 2.0
_COMMIT_TIMEOUT_SECONDS = 10.0
_IDLE_WAIT_SECONDS = 1.0


def inspector_client(settings: Settings) -> AIOKafkaConsumer:
    """Return a client without a group, for looking at logs."""
    return AIOKafkaConsumer(
        **kafka_client_options(settings),
        client_id="loyalty-inspector",
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        retry_backoff_ms=CLIENT_RETRY_MS,
        request_timeout_ms=int(_INSPECTOR_TIMEOUT_SECONDS * 1000),
        max_partition_fetch_bytes=_INSPECTOR_FETCH_BYTES,
        fetch_max_bytes=_INSPECTOR_FETCH_BYTES,
    )


@dataclass(frozen=True, slots=True)
class Consumption:
    """Which topic a group consumes, how its records become events, and what a poison becomes.

    `contract` is the topic's folder under `schemas/`.
    """

    topic: str
    contract: str
    group: str
    decoder: Decoder
    on_unknown_error: UnknownErrorPolicy


@dataclass(frozen=True, slots=True)
class Shared:
    """What the consumers of one process share.

    `in_flight` bounds their transactions at once, `states` are those of all their partitions.
    """

    settings: Settings
    broker: KafkaBroker
    ledger: Ledger
    health: Health
    metrics: Metrics
    in_flight: asyncio.Semaphore
    on_fatal: Callable[[str], None]
    states: dict[PartitionId, PartitionState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handling:
    """How a group's records are handled; `drain_timeout` in seconds.

    `positions` finds where a partition starts, `post` takes a batch of at most `max_records`.
    `in_flight` bounds the batches at once.
    """

    decoder: Decoder
    positions: Callable[[LogInspector], Positions]
    post: Post
    in_flight: asyncio.Semaphore
    max_records: int
    drain_timeout: float


class GroupConsumer:
    """A group's subscriber to one topic, with everything around it."""

    def __init__(self, topic: str, group: str, handling: Handling, shared: Shared) -> None:
        self.topic = topic
        settings, metrics = shared.settings, shared.metrics
        self._inspector = LogInspector(
            lambda: inspector_client(settings), _INSPECTOR_TIMEOUT_SECONDS
        )
        report = GroupReport(group, topic, shared.health, metrics, shared.states)
        self._lag = LagSampler(self._inspector, report, _LAG_INTERVAL_SECONDS)
        context = PartitionContext(
            handling.positions(self._inspector),
            _partition_limits(settings, handling.max_records),
            handling.in_flight,
        )

        def build_task(
            tp: TopicPartition, consumer: AIOKafkaConsumer, consume: Consume
        ) -> PartitionTask:
            partition = PartitionReport(report, PartitionId(tp.topic, tp.partition))
            return PartitionTask(tp, consumer, consume, context, partition)

        subscribe(
            shared.broker,
            topic=topic,
            group=group,
            loop=GroupSupervisor(
                build_task,
                report,
                drain_timeout=handling.drain_timeout,
                leave_timeout=settings.graceful_timeout_seconds - settings.drain_timeout_seconds,
                on_fatal=shared.on_fatal,
            ),
            decoder=handling.decoder,
            post=handling.post,
            observe_stage=lambda stage, seconds: metrics.batch_duration_seconds.observe(
                seconds, stage=stage
            ),
            client_options=_client_options(settings),
        )

    async def watch(self) -> None:
        """Sample lag and reachability until cancelled."""
        try:
            await self._lag.run()
        finally:
            await self._inspector.close()


def event_consumer(consumption: Consumption, shared: Shared) -> GroupConsumer:
    """Return the consumer that posts a topic's events."""
    settings, group = shared.settings, consumption.group
    post = PostBatch(shared.ledger, group, _breaker_limits(settings))
    handling = Handling(
        decoder=consumption.decoder,
        positions=lambda inspector: PartitionPositions(shared.ledger, inspector, group),
        post=Isolate(post, consumption.on_unknown_error),
        in_flight=shared.in_flight,
        max_records=settings.batch_max_records,
        drain_timeout=settings.drain_timeout_seconds,
    )
    return GroupConsumer(consumption.topic, group, handling, shared)


def _partition_limits(settings: Settings, max_records: int) -> PartitionLimits:
    return PartitionLimits(
        max_records=max_records,
        max_wait=settings.batch_max_wait_ms / 1000,
        idle_wait=_IDLE_WAIT_SECONDS,
        commit_timeout=_COMMIT_TIMEOUT_SECONDS,
        backoff_first=settings.retry_backoff_initial_ms / 1000,
        backoff_max=settings.retry_backoff_max_ms / 1000,
        position_check_interval=settings.position_check_seconds,
    )


def _breaker_limits(settings: Settings) -> BreakerLimits:
    return BreakerLimits(
        share=settings.breaker_share,
        min_records=settings.breaker_min_records,
        run=settings.breaker_run_records,
    )


def _client_options(settings: Settings) -> dict[str, Any]:
    return {
        "session_timeout_ms": settings.kafka_session_timeout_ms,
        "heartbeat_interval_ms": settings.kafka_heartbeat_interval_ms,
        "rebalance_timeout_ms": settings.kafka_rebalance_timeout_ms,
        "max_poll_interval_ms": _NO_IDLE_CHECK_MS,
        # exactly one: with several, each join multiplies, and the sticky one is broken
        "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
    }
