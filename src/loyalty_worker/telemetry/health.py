"""What the probes know: who must still be waited for, and who has stopped moving.

Readiness is a set of named holds, each with a reason; it is true while nothing holds it.
Liveness is a set of named beats; it is true while none is older than its limit. Neither asks
Kafka or PostgreSQL: progress marks do, so that an outage outside restarts nobody.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """A probe's answer; `reasons` is empty when it is good, and is shown to whoever asks."""

    ok: bool
    reasons: tuple[str, ...]


class Health:
    """The worker's probes. `limit_seconds` is the age at which a beat counts as stopped.

    Keys and reasons are printed: they must name topics and partitions, never a player.
    """

    def __init__(
        self, limit_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_seconds = limit_seconds
        self._monotonic = monotonic
        self._holds: dict[str, str] = {}
        self._beats: dict[str, float] = {}

    def hold(self, key: str, reason: str) -> None:
        """Keep readiness false until `release(key)`; a second hold replaces the reason."""
        self._holds[key] = reason

    def release(self, key: str) -> None:
        """End a hold; ending one that is not there is fine."""
        self._holds.pop(key, None)

    def beat(self, key: str) -> None:
        """Say that the part `key` makes progress; the first beat begins its watch."""
        self._beats[key] = self._monotonic()

    def forget(self, key: str) -> None:
        """End the watch of a part that stopped on purpose."""
        self._beats.pop(key, None)

    def ready(self) -> ProbeReport:
        """Whether the worker does its work now."""
        reasons = tuple(f"{key}: {reason}" for key, reason in sorted(self._holds.items()))
        return ProbeReport(not reasons, reasons)

    def live(self) -> ProbeReport:
        """Whether the process is worth keeping."""
        now = self._monotonic()
        stopped = tuple(
            f"{key}: no progress for {now - beat:.0f} s"
            for key, beat in sorted(self._beats.items())
            if now - beat > self._limit_seconds
        )
        return ProbeReport(not stopped, stopped)
