"""What an evening must come to in the ledger, reckoned without the worker and its database."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from loyalty_worker.domain.outcomes import Outcome

Account: TypeAlias = tuple[UUID, UUID]
"""A casino's id and a player's."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of one message, where its casino is provisioned.

    `reason` is a dead letter's; `account` and `points` belong to the outcome `accrued`. `early` is
    a promotion's that is published before its slip: it may wait before it comes to its outcome.
    """

    outcome: Outcome
    reason: str | None = None
    account: Account | None = None
    points: int = 0
    early: bool = False


@dataclass(slots=True)
class Tally:
    """The sums of what is expected; `balances` is per account, `points` over all."""

    published: int = 0
    points: int = 0
    early: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    balances: Counter[Account] = field(default_factory=Counter)

    def add(self, expected: Expected) -> None:
        """Count one published message."""
        self.published += 1
        self.outcomes[expected.outcome] += 1
        self.early += expected.early
        if expected.reason is not None:
            self.reasons[expected.reason] += 1
        if expected.account is not None:
            self.points += expected.points
            self.balances[expected.account] += expected.points
