"""The drift check: one path for the scheduler's, a CronJob's and a person's request."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from loyalty_worker.ports import DriftChecks, DriftChunk, DriftRequest, DriftSummary, Fault

# query_canceled: what PostgreSQL says of a statement that outlives its timeout
_CANCELED = "57014"
_SHRINKING = 4
# A run that stands still for an hour counts as abandoned.
_LONGEST_PAUSE_SECONDS = 30 * 60.0

OnChunk = Callable[[DriftChunk], None]


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """How much one step looks at, and how hard the check works.

    `load` is the share of the time in which it works while records are posted; for the rest it
    pauses between the steps, so that posting goes on. A step ends at `players` or `entries`,
    whichever comes first.
    """

    players: int = 20_000
    entries: int = 200_000
    load: float = 0.5

    def smaller(self) -> "ChunkLimits":
        """Return limits for steps that took too long; at least one player."""
        return replace(
            self,
            players=max(1, self.players // _SHRINKING),
            entries=max(1, self.entries // _SHRINKING),
        )


class CheckDrift:
    """Walks all players in chunks, each of which is judged in one snapshot and kept at once.

    Traffic therefore raises no false alarm, and whoever begins the same run again goes on where
    it stood; two that walk the same run share the work. A chunk that takes too long, on a cold
    disk, is taken in smaller ones.
    """

    def __init__(self, checks: DriftChecks, limits: ChunkLimits) -> None:
        self._checks = checks
        self._limits = limits

    async def __call__(
        self, request: DriftRequest, on_chunk: OnChunk = lambda _chunk: None
    ) -> DriftSummary:
        """Check, and close the run. Raises `Fault` and `CasinoUnknownError`."""
        limits = self._limits
        run_id = await self._checks.begin(request)
        while True:
            started = time.monotonic()
            try:
                chunk = await self._checks.advance(run_id, limits.players, limits.entries)
            except Fault as fault:
                if fault.sqlstate != _CANCELED or limits.players == 1:
                    raise
                limits = limits.smaller()
                continue
            on_chunk(chunk)
            if chunk.walked:
                return await self._checks.close(run_id)
            worked = time.monotonic() - started
            if limits.load < 1 and await self._checks.is_busy():
                pause = worked * (1 / limits.load - 1)
                await asyncio.sleep(min(pause, _LONGEST_PAUSE_SECONDS))
