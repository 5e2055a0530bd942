"""The drift check's pace and order; the same runs on real parts in tests/integration."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from loyalty_worker.application import check_drift
from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits
from loyalty_worker.ports import DriftChunk, DriftRequest, DriftSummary, Fault

NOW = datetime(2026, 7, 1, 3, tzinfo=UTC)
STEPS = 6
STEP_SECONDS = 0.02


class Checks:
    """One run that is walked after some steps; what was called stands in `calls`."""

    def __init__(self, failing_at: int | None = None) -> None:
        self.run_id = uuid4()
        self.calls: list[str] = []
        self.limits: set[tuple[int, int]] = set()
        self.busy = True
        self._steps = 0
        self._failing_at = failing_at

    async def begin(self, _request: DriftRequest) -> UUID:
        self.calls.append("begin")
        return self.run_id

    async def advance(self, run_id: UUID, max_players: int, max_entries: int) -> DriftChunk:
        assert run_id == self.run_id
        self.calls.append("advance")
        self.limits.add((max_players, max_entries))
        await asyncio.sleep(STEP_SECONDS)
        if self._steps == self._failing_at:
            self._failing_at = None
            raise Fault("database_unreachable")
        self._steps += 1
        return DriftChunk(self._steps >= STEPS, players=1, entries=2, findings=0)

    async def is_busy(self) -> bool:
        return self.busy

    async def close(self, run_id: UUID) -> DriftSummary:
        self.calls.append("close")
        return DriftSummary(run_id, "clean", STEPS, 2 * STEPS, 0, 0, NOW, NOW)


async def test_a_run_is_begun_walked_to_its_end_and_closed_and_each_step_is_told() -> None:
    checks = Checks()
    told: list[DriftChunk] = []
    check = CheckDrift(checks, ChunkLimits(players=7, entries=70, load=1.0))
    summary = await check(DriftRequest("command"), told.append)
    assert checks.calls == ["begin", *["advance"] * STEPS, "close"]
    assert checks.limits == {(7, 70)}
    assert summary.run_id == checks.run_id
    assert [chunk.walked for chunk in told] == [*[False] * (STEPS - 1), True]


async def test_a_run_that_met_a_fault_is_not_closed_and_the_next_call_walks_the_rest() -> None:
    checks = Checks(failing_at=2)
    check = CheckDrift(checks, ChunkLimits(load=1.0))
    with pytest.raises(Fault, match="database_unreachable"):
        await check(DriftRequest("command"), lambda _: None)
    assert checks.calls == ["begin", *["advance"] * 3]
    checks.calls.clear()
    await check(DriftRequest("command"), lambda _: None)
    assert checks.calls == ["begin", *["advance"] * (STEPS - 2), "close"]


@pytest.mark.parametrize("load", [0.5, 0.25])
async def test_a_check_pauses_between_its_steps_for_its_share_of_the_time(load: float) -> None:
    started = time.monotonic()
    await CheckDrift(Checks(), ChunkLimits(load=load))(DriftRequest("command"), lambda _: None)
    taken = time.monotonic() - started
    least = STEPS * STEP_SECONDS + (STEPS - 1) * STEP_SECONDS * (1 / load - 1)
    assert taken >= least - 0.01


async def test_a_check_does_not_pause_while_nothing_is_posted() -> None:
    checks = Checks()
    checks.busy = False
    started = time.monotonic()
    await CheckDrift(checks, ChunkLimits(load=0.001))(DriftRequest("command"), lambda _: None)
    # with pauses it would take a thousand times as long as its steps
    assert time.monotonic() - started < 100 * STEPS * STEP_SECONDS


async def test_no_pause_is_so_long_that_the_run_would_count_as_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_drift, "_LONGEST_PAUSE_SECONDS", STEP_SECONDS)
    checks = Checks()
    async with asyncio.timeout(30):
        await CheckDrift(checks, ChunkLimits(load=1e-9))(DriftRequest("command"))
    assert checks.calls[-1] == "close"
