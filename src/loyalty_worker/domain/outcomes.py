"""What becomes of a record: the five outcomes, and what is known about each."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Every processed record is exactly one of these."""

    ACCRUED = "accrued"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    PARKED = "parked"
    DEAD_LETTERED = "dead_lettered"


class DuplicateBy(StrEnum):
    """How a duplicate was recognised."""

    KEY = "key"
    NATURAL_KEY = "natural_key"


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """One record's outcome.

    `reason` is a decode reason or a refusal's name, `sqlstate` that refusal's SQLSTATE; both only
    for dead letters. `points` are those minted by this record now (0 for all but `accrued`).
    """

    outcome: Outcome
    duplicate_by: DuplicateBy | None = None
    reason: str | None = None
    sqlstate: str | None = None
    detail: str | None = None
    points: int = 0
