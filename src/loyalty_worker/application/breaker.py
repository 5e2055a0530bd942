"""The breaker: stops a topic before a bad deployment drains it into the dead letters.

Specification, "What becomes of a record": it trips where more than a share of at least so many
records are refused, or so many in a row, on one partition. Records of a casino that nobody
provisioned count neither way, so that one casino cannot stop the others; nor do those that a
person set aside.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loyalty_worker.domain.outcomes import LetterReason, Outcome, RecordOutcome
from loyalty_worker.domain.refusals import Refusal

_DO_NOT_COUNT = frozenset({Refusal.LOYALTY_CASINO_UNKNOWN.name, LetterReason.QUARANTINED.value})
_WINDOW = 10  # the share is that of the newest records, ten times as many as it needs at least


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """More than `share` of at least `min_records` refused, or `run` refused in a row."""

    share: float
    min_records: int
    run: int


class Breaker:
    """Watches one partition, in memory: a restart begins to count anew."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._refused: deque[bool] = deque(maxlen=_WINDOW * limits.min_records)
        self._run = 0

    def trips_at(self, outcomes: Sequence[RecordOutcome]) -> int | None:
        """Return the index of the outcome that would trip it; counts nothing."""
        if not any(outcome.outcome is Outcome.DEAD_LETTERED for outcome in outcomes):
            return None
        seen, run = self._refused.copy(), self._run
        total = sum(seen)
        for index, refused in _countable(outcomes):
            total += refused - (seen[0] if len(seen) == seen.maxlen else 0)
            seen.append(refused)
            run = run + 1 if refused else 0
            many = len(seen) >= self._limits.min_records
            if run >= self._limits.run or (many and total > self._limits.share * len(seen)):
                return index
        return None

    def count(self, outcomes: Sequence[RecordOutcome]) -> None:
        """Count outcomes that are committed."""
        for _, refused in _countable(outcomes):
            self._refused.append(refused)
            self._run = self._run + 1 if refused else 0

    def reset(self) -> None:
        """Forget what was counted: it tripped, and a person will say when to go on."""
        self._refused.clear()
        self._run = 0


def _countable(outcomes: Sequence[RecordOutcome]) -> Iterable[tuple[int, bool]]:
    for index, outcome in enumerate(outcomes):
        if outcome.reason not in _DO_NOT_COUNT:
            yield index, outcome.outcome is Outcome.DEAD_LETTERED
