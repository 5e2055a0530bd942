"""Shows what the database says of halts, letters, parked events and drift; every replica does."""

import asyncio
from collections.abc import Collection

import asyncpg

from loyalty_worker.database.gauges import StoredState, read_stored_state
from loyalty_worker.ports import Fault, resume_command
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.metrics import Metrics

_WATCH_SECONDS = 2.0


async def watch_stored_state(
    pool: asyncpg.Pool,
    acquire_timeout: float,
    topics: Collection[str],
    health: Health,
    metrics: Metrics,
) -> None:
    """Keep gauges true, and readiness false while one of our `topics` is halted."""
    while True:
        try:
            state = await read_stored_state(pool, acquire_timeout)
        except Fault:
            pass  # the database's own watch says so; the gauges keep what was last known
        else:
            _show(state, metrics)
            _hold(state, topics, health)
        await asyncio.sleep(_WATCH_SECONDS)


def _show(state: StoredState, metrics: Metrics) -> None:
    metrics.consumer_halted.replace(dict.fromkeys(state.halts, 1.0))
    for gauge in (metrics.dead_letters_open, metrics.parked_events, metrics.drift_players):
        gauge.replace({(label,): value for label, value in state.by_label(gauge.name).items()})
    for single in (
        metrics.dead_letter_oldest_timestamp_seconds,
        metrics.drift_points_abs,
        metrics.drift_check_last_success_timestamp_seconds,
        metrics.drift_check_duration_seconds,
    ):
        single.set(state.single(single.name))
    metrics.drift_check_runs.replace(state.by_label("drift_check_runs_total"))


def _hold(state: StoredState, topics: Collection[str], health: Health) -> None:
    reasons = dict(state.halts)
    for topic in topics:
        key = f"topic {topic}"
        if topic in reasons:
            health.hold(key, f"halted: {reasons[topic]}; {resume_command(topic)} goes on")
        else:
            health.release(key)
