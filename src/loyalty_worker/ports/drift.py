"""The drift check's database: a run is begun, walked chunk by chunk, and closed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.domain.records import Headers

DriftTrigger: TypeAlias = Literal["schedule", "request", "command"]


class CasinoUnknownError(Exception):
    """A check of a casino that nobody provisioned was asked for."""


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """What is to be checked: one casino or, where None, all; and who asks.

    A request that came as an event has its `identity`: the same event is the same run.
    """

    trigger: DriftTrigger
    casino_id: UUID | None = None
    identity: EventIdentity | None = None
    requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class DriftChunk:
    """What one step of a run looked at; `walked` when nothing is left to look at."""

    walked: bool
    players: int
    entries: int
    findings: int


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """A finished run. `verdict` is clean, drift or abandoned; points are absolute.

    Of an abandoned run nobody knows how many players drift.
    """

    run_id: UUID
    verdict: str
    players_checked: int
    entries_checked: int
    players_drifted: int | None
    largest_drift: int | None
    started_at: datetime
    finished_at: datetime


class DriftChecks(Protocol):
    """Runs of the drift check; every method raises `Fault` when the database cannot."""

    async def begin(self, request: DriftRequest) -> UUID:
        """Begin a run, or find the unfinished or finished one of the same request.

        Raises `CasinoUnknownError`.
        """
        ...

    async def advance(self, run_id: UUID, max_players: int, max_entries: int) -> DriftChunk:
        """Judge the next players of a run, at most so many, and keep what was found."""
        ...

    async def is_busy(self) -> bool:
        """Say whether records are being posted, which a check should leave room for."""
        ...

    async def close(self, run_id: UUID) -> DriftSummary:
        """Finish a walked run: severities, audit and alerts; a finished one stays as it is."""
        ...


class DriftTicks(Protocol):
    """Ticks of the schedule; every method raises `Fault` when the database cannot."""

    async def last(self) -> datetime | None:
        """Return the newest tick that was claimed; None before the first."""
        ...

    async def claim(
        self, scheduled_for: datetime, topic: str, key: bytes, value: bytes, headers: Headers
    ) -> bool:
        """Claim a tick and put its request into the outbox; False where another one did."""
        ...
