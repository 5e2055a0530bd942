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


class ParkedCause(StrEnum):
    """Why an event waits."""

    AWAITING_ACCRUAL = "awaiting_accrual"
    ACCRUAL_DISABLED = "accrual_disabled"


class LetterReason(StrEnum):
    """Reasons of dead letters beside the decoder's and the database's refusals.

    A parked promotion whose slip never came; a record that a person set aside; a record that
    fails alone with an error that no rule names, where the topic's policy is `dead_letter`.
    """

    PARKED_EXPIRED = "PARKED_EXPIRED"
    QUARANTINED = "QUARANTINED"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """One record's outcome.

    `reason` is, for a parked event, its `ParkedCause`; for a dead letter a decode reason, a
    refusal's name or a `LetterReason`. `sqlstate` is that refusal's SQLSTATE.
    `points` are those minted by this record now (0 for all but `accrued`).
    """

    outcome: Outcome
    duplicate_by: DuplicateBy | None = None
    reason: str | None = None
    sqlstate: str | None = None
    detail: str | None = None
    points: int = 0
