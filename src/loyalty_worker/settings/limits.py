"""Rules about times and sizes that must fit together.

Each wait ends before the one around it gives up: a statement within the drain, the drain within
the shutdown, the shutdown before the broker or the platform loses patience.
"""

from collections import Counter
from collections.abc import Iterator

from loyalty_worker.settings.model import PREFIX, Settings
from loyalty_worker.settings.problems import Problem

_HEARTBEATS_PER_SESSION = 3
_SHORTER_FIRST = (
    ("database_lock_timeout_ms", "database_statement_timeout_ms"),
    ("database_statement_timeout_ms", "drain_timeout_seconds"),
    ("drain_timeout_seconds", "graceful_timeout_seconds"),
    ("graceful_timeout_seconds", "grace_period_seconds"),
    ("graceful_timeout_seconds", "kafka_rebalance_timeout_ms"),
    ("kafka_rebalance_timeout_ms", "stall_timeout_seconds"),
    ("retry_backoff_initial_ms", "retry_backoff_max_ms"),
)
_TOPICS = (
    "topic_rating_slip_closed",
    "topic_promotion",
    "topic_drift_check_requested",
    "topic_drift_alerts",
)


def limit_problems(settings: Settings) -> Iterator[Problem]:
    """Find times, sizes and names that contradict each other."""
    yield from _timings(settings)
    if settings.max_batches_in_flight > settings.database_pool_max_size:
        yield Problem(
            f"{PREFIX}MAX_BATCHES_IN_FLIGHT",
            "more batches than connections",
            f"at most LOYALTY_DATABASE_POOL_MAX_SIZE, which is {settings.database_pool_max_size}",
        )
    names = Counter(getattr(settings, field) for field in _TOPICS)
    for field in _TOPICS:
        if names[getattr(settings, field)] > 1:
            yield Problem(PREFIX + field.upper(), "names another topic of ours", "give it its own")


def _timings(settings: Settings) -> Iterator[Problem]:
    for shorter, longer in _SHORTER_FIRST:
        short, long = _seconds(settings, shorter), _seconds(settings, longer)
        if short >= long:
            yield Problem(
                PREFIX + shorter.upper(),
                f"{short:g} s is not below {PREFIX}{longer.upper()}",
                f"less than {long:g} s",
            )
    most = settings.kafka_session_timeout_ms // _HEARTBEATS_PER_SESSION
    if settings.kafka_heartbeat_interval_ms > most:
        yield Problem(
            f"{PREFIX}KAFKA_HEARTBEAT_INTERVAL_MS",
            "is above a third of LOYALTY_KAFKA_SESSION_TIMEOUT_MS",
            f"at most {most}",
        )


def _seconds(settings: Settings, field: str) -> float:
    value = float(getattr(settings, field))
    return value / 1000 if field.endswith("_ms") else value
