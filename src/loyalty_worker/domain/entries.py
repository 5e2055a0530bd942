"""Why points change: the reasons of ledger entries."""

from enum import StrEnum


class LedgerReason(StrEnum):
    """The values of the database's `loyalty_reason`, in its order."""

    BASE_ACCRUAL = "base_accrual"
    PROMOTION = "promotion"
    REDEEM = "redeem"
    MANUAL_REWARD = "manual_reward"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"
