"""The closed list of refusals: names, SQLSTATEs, and what each means for an event record.

The list is the database's, `migrations/functions/loyalty_refusals.sql`; a test holds this copy
against it. Names and numbers never change, new ones are added at the end.
"""

from enum import StrEnum

from loyalty_worker.domain.outcomes import Outcome


class Refusal(StrEnum):
    """A refusal by the database, by its stable name."""

    SLIP_NOT_FOUND = "LOYALTY_SLIP_NOT_FOUND"
    SLIP_NOT_CLOSED = "LOYALTY_SLIP_NOT_CLOSED"
    SNAPSHOT_MISSING = "LOYALTY_SNAPSHOT_MISSING"
    SNAPSHOT_INVALID = "LOYALTY_SNAPSHOT_INVALID"
    POLICY_UNKNOWN = "LOYALTY_POLICY_UNKNOWN"
    FACTS_INVALID = "LOYALTY_FACTS_INVALID"
    FACTS_CONFLICT = "LOYALTY_FACTS_CONFLICT"
    POINTS_OUT_OF_RANGE = "LOYALTY_POINTS_OUT_OF_RANGE"
    POINTS_INVALID = "LOYALTY_POINTS_INVALID"
    NOTE_REQUIRED = "LOYALTY_NOTE_REQUIRED"
    STAFF_UNKNOWN = "LOYALTY_STAFF_UNKNOWN"
    PLAYER_NOT_FOUND = "LOYALTY_PLAYER_NOT_FOUND"
    INSUFFICIENT_BALANCE = "LOYALTY_INSUFFICIENT_BALANCE"
    OVERDRAW_NOT_AUTHORIZED = "LOYALTY_OVERDRAW_NOT_AUTHORIZED"
    OVERDRAW_EXCEEDS_CAP = "LOYALTY_OVERDRAW_EXCEEDS_CAP"
    REDEEM_EXCEEDS_CAP = "LOYALTY_REDEEM_EXCEEDS_CAP"
    IDEMPOTENCY_REQUIRED = "LOYALTY_IDEMPOTENCY_REQUIRED"
    IDEMPOTENCY_CONFLICT = "LOYALTY_IDEMPOTENCY_CONFLICT"
    PROMOTION_INVALID = "LOYALTY_PROMOTION_INVALID"
    BASE_NOT_ACCRUED = "LOYALTY_BASE_NOT_ACCRUED"
    BASE_REVERSED = "LOYALTY_BASE_REVERSED"
    ENTRY_NOT_FOUND = "LOYALTY_ENTRY_NOT_FOUND"
    ALREADY_REVERSED = "LOYALTY_ALREADY_REVERSED"
    NOT_REVERSIBLE = "LOYALTY_NOT_REVERSIBLE"
    LEDGER_DAMAGED = "LOYALTY_LEDGER_DAMAGED"
    UNRATED_VISIT = "LOYALTY_UNRATED_VISIT"
    CASINO_UNKNOWN = "LOYALTY_CASINO_UNKNOWN"
    ACCRUAL_DISABLED = "LOYALTY_ACCRUAL_DISABLED"
    UNAUTHORIZED = "LOYALTY_UNAUTHORIZED"
    FORBIDDEN = "LOYALTY_FORBIDDEN"
    CASINO_MISMATCH = "LOYALTY_CASINO_MISMATCH"

    @property
    def sqlstate(self) -> str:
        """The refusal's SQLSTATE: class LY, numbered in the order of the list."""
        return f"LY{list(Refusal).index(self) + 1:03d}"

    @property
    def outcome(self) -> Outcome:
        """What becomes of a record that the database refuses so."""
        if self is Refusal.ACCRUAL_DISABLED:
            return Outcome.PARKED
        return Outcome.DEAD_LETTERED
