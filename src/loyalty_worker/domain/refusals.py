"""The closed list of refusals: names, SQLSTATEs, and what each means for an event record.

The list is the database's, `migrations/functions/loyalty_refusals.sql`; a test holds this copy
against it. Names and numbers never change, new ones are added at the end.
"""

from enum import StrEnum

from loyalty_worker.domain.outcomes import Outcome, ParkedCause


class Refusal(StrEnum):
    """A refusal by the database: the stable name, and the SQLSTATE as its value."""

    LOYALTY_SLIP_NOT_FOUND = "LY001"
    LOYALTY_SLIP_NOT_CLOSED = "LY002"
    LOYALTY_SNAPSHOT_MISSING = "LY003"
    LOYALTY_SNAPSHOT_INVALID = "LY004"
    LOYALTY_POLICY_UNKNOWN = "LY005"
    LOYALTY_FACTS_INVALID = "LY006"
    LOYALTY_FACTS_CONFLICT = "LY007"
    LOYALTY_POINTS_OUT_OF_RANGE = "LY008"
    LOYALTY_POINTS_INVALID = "LY009"
    LOYALTY_NOTE_REQUIRED = "LY010"
    LOYALTY_STAFF_UNKNOWN = "LY011"
    LOYALTY_PLAYER_NOT_FOUND = "LY012"
    LOYALTY_INSUFFICIENT_BALANCE = "LY013"
    LOYALTY_OVERDRAW_NOT_AUTHORIZED = "LY014"
    LOYALTY_OVERDRAW_EXCEEDS_CAP = "LY015"
    LOYALTY_REDEEM_EXCEEDS_CAP = "LY016"
    LOYALTY_IDEMPOTENCY_REQUIRED = "LY017"
    LOYALTY_IDEMPOTENCY_CONFLICT = "LY018"
    LOYALTY_PROMOTION_INVALID = "LY019"
    LOYALTY_BASE_NOT_ACCRUED = "LY020"
    LOYALTY_BASE_REVERSED = "LY021"
    LOYALTY_ENTRY_NOT_FOUND = "LY022"
    LOYALTY_ALREADY_REVERSED = "LY023"
    LOYALTY_NOT_REVERSIBLE = "LY024"
    LOYALTY_LEDGER_DAMAGED = "LY025"
    LOYALTY_UNRATED_VISIT = "LY026"
    LOYALTY_CASINO_UNKNOWN = "LY027"
    LOYALTY_ACCRUAL_DISABLED = "LY028"
    LOYALTY_UNAUTHORIZED = "LY029"
    LOYALTY_FORBIDDEN = "LY030"
    LOYALTY_CASINO_MISMATCH = "LY031"

    @property
    def sqlstate(self) -> str:
        """The SQLSTATE, class LY: what callers match on."""
        return self.value

    @property
    def event_outcome(self) -> Outcome | None:
        """What becomes of an event record that is refused so.

        None where the refusal is about the caller and not about the record: then it is a fault.
        """
        if self in PARKED_FOR:
            return Outcome.PARKED
        return None if self in _ABOUT_THE_CALLER else Outcome.DEAD_LETTERED


PARKED_FOR = {
    Refusal.LOYALTY_ACCRUAL_DISABLED: ParkedCause.ACCRUAL_DISABLED,
    Refusal.LOYALTY_BASE_NOT_ACCRUED: ParkedCause.AWAITING_ACCRUAL,
}

_ABOUT_THE_CALLER = frozenset(
    {
        Refusal.LOYALTY_UNAUTHORIZED,
        Refusal.LOYALTY_FORBIDDEN,
        Refusal.LOYALTY_CASINO_MISMATCH,
    }
)
