"""Duties of a worker beside its consumers: done again and again, by one process at a time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loyalty_worker.application.relay import Relay
from loyalty_worker.ports import Fault, Leases, Outbox, Publisher
from loyalty_worker.telemetry.health import Health
from loyalty_worker.telemetry.logs import get_logger
from loyalty_worker.telemetry.metrics import Metrics

_log = get_logger(__name__)
# Longer than any pause between two takes, so that a holder that works keeps the lease.
_LEASE_SECONDS = 15.0
_RELAY_SECONDS = 0.5
# A round that is cut off ends its producers within two seconds.
_ENDING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Duty:
    """What is done every `interval` seconds; at once again while `run` says that there is more.

    One process at a time does it, unless it is `shared`.
    """

    name: str
    interval: float
    run: Callable[[], Awaitable[bool]]
    shared: bool = False


def relay_duty(name: str, outbox: Outbox, publisher: Publisher) -> Duty:
    """Return the duty that publishes an outbox, each time within its lease."""
    publish = Relay(outbox, publisher, _LEASE_SECONDS - _ENDING_SECONDS)

    async def relay_some() -> bool:
        return await publish() > 0

    return Duty(name, _RELAY_SECONDS, relay_some)


async def do_duty(duty: Duty, leases: Leases, health: Health, metrics: Metrics) -> None:
    """Do a duty until cancelled; a fault never ends it."""
    key = f"duty {duty.name}"
    try:
        while True:
            health.beat(key)
            more = False
            try:
                if duty.shared or await leases.take(duty.name, _LEASE_SECONDS):
                    more = await duty.run()
            except Fault as fault:
                metrics.retries.inc(reason=fault.reason)
                health.hold(key, fault.reason)
                _log.warning(
                    "duty_failed",
                    duty=duty.name,
                    reason=fault.reason,
                    sqlstate=fault.sqlstate,
                    hint="it is tried again; nothing is lost meanwhile",
                )
                await asyncio.sleep(_pause_after(duty))
            except Exception:  # noqa: BLE001 - whatever it was, it is said, and tried again
                # a mistake of ours: it must not end the consumers of this process
                health.hold(key, "failed")
                _log.exception("duty_died", duty=duty.name, hint="it is tried again")
                await asyncio.sleep(_pause_after(duty))
            else:
                health.release(key)
            if not more:
                await asyncio.sleep(duty.interval)
    finally:
        if not duty.shared:
            with contextlib.suppress(Fault):
                await leases.drop(duty.name)


def _pause_after(duty: Duty) -> float:
    """Return a pause that spares a database or broker in trouble."""
    return 4 * duty.interval
