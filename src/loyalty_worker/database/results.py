"""What the ledger's functions return, one dataclass for each shape; fields are their columns."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from loyalty_worker.domain.entries import LedgerReason


@dataclass(frozen=True, slots=True)
class Accrual:
    """The base entry of a slip; `theo` has four decimals, for people to read."""

    ledger_id: UUID
    points_delta: int
    theo: Decimal
    balance_after: int
    is_existing: bool


@dataclass(frozen=True, slots=True)
class Promotion:
    """The entry of a campaign on a slip; 0 points are possible."""

    ledger_id: UUID
    promo_points_delta: int
    balance_after: int
    is_existing: bool


@dataclass(frozen=True, slots=True)
class Redemption:
    """A comp: `points_delta` is negative; the balances are those around the entry itself."""

    ledger_id: UUID
    points_delta: int
    balance_before: int
    balance_after: int
    overdraw_applied: bool
    is_existing: bool


@dataclass(frozen=True, slots=True)
class PointsEntry:
    """A manual credit, an adjustment or a reversal; `balance_after` is the entry's own."""

    ledger_id: UUID
    points_delta: int
    balance_after: int
    is_existing: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A cached balance, before and after it was put right."""

    old_balance: int
    new_balance: int
    drift_detected: bool


@dataclass(frozen=True, slots=True)
class RewardSuggestion:
    """What a slip would earn, or has earned; nothing is written."""

    suggested_theo: Decimal
    suggested_points: int
    policy_version: str
    max_recommended_points: int
    notes: str | None


@dataclass(frozen=True, slots=True)
class PlayerBalance:
    """A player's cached balance at a casino."""

    current_balance: int
    tier: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry as a statement shows it; the columns are the ledger's, `metadata` is its JSON."""

    id: UUID
    entry_no: int
    points_delta: int
    balance_after: int
    reason: LedgerReason
    rating_slip_id: UUID | None
    visit_id: UUID | None
    staff_id: UUID | None
    campaign_id: str | None
    reversed_ledger_id: UUID | None
    note: str | None
    metadata: dict[str, Any]
    gaming_day: date | None
    occurred_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Entries, newest first, and the cursor of the page after them (None: there is none)."""

    entries: tuple[LedgerEntry, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One disagreement between a cached balance and its entries; `kind` says which (I5).

    `drift` is cached minus computed, an absent cache counted as 0.
    """

    casino_id: UUID
    player_id: UUID
    current_balance: int | None
    computed_balance: int
    drift: int
    ledger_entry_count: int
    last_ledger_update: datetime | None
    kind: str
