"""How an entry came about, for an operator: the entry, its slip, and the entries around it."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from loyalty_worker.database.readings import ENTRY_COLUMNS, entry_of
from loyalty_worker.database.results import LedgerEntry
from loyalty_worker.domain.entries import LedgerReason

_BASE = "source_kind = 'rating_slip' AND reason = 'base_accrual' AND source_id"
_PROMOTIONS = "source_kind = 'rating_slip' AND reason = 'promotion' AND source_id"
_REVERSAL = "reason = 'reversal' AND reversed_ledger_id"


@dataclass(frozen=True, slots=True)
class RatingSlip:
    """A slip's facts as they stand, and the policy that was frozen on it (JSON, numbers exact)."""

    rating_slip_id: UUID
    status: str
    visit_kind: str
    table_id: UUID | None
    game_type: str | None
    average_bet: Decimal | None
    started_at: datetime
    closed_at: datetime | None
    duration_seconds: int | None
    gaming_day: date | None
    policy_snapshot: Any


@dataclass(frozen=True, slots=True)
class Trace:
    """An entry, what it came from and what came of it.

    `balance_before` is that of the player's entry before it. `base` is the base accrual below a
    promotion, `promotions` are those on top of a base accrual. `takes_back` is the entry that a
    reversal reverses, `taken_back_by` the reversal of this one.
    """

    casino_id: UUID
    player_id: UUID
    idempotency_key: UUID
    entry: LedgerEntry
    balance_before: int
    slip: RatingSlip | None
    base: LedgerEntry | None
    promotions: tuple[LedgerEntry, ...]
    takes_back: LedgerEntry | None
    taken_back_by: LedgerEntry | None


async def read_trace(opened: asyncpg.Connection, entry_id: UUID) -> Trace | None:
    """Return an entry's trace; None where no casino of the transaction's scope has it."""
    row = await opened.fetchrow(
        f"SELECT casino_id, player_id, idempotency_key, {ENTRY_COLUMNS} FROM loyalty_ledger"  # noqa: S608 - our column names
        " WHERE casino_id = ANY (ARRAY(SELECT c.id FROM casino AS c)) AND id = $1",
        entry_id,
    )
    if row is None:
        return None
    casino, entry = row["casino_id"], entry_of(row)

    async def related(of: LedgerReason, condition: str, value: UUID | None) -> list[LedgerEntry]:
        """Return the entries that stand so to this one, if it is one of that reason."""
        if value is None or entry.reason is not of:
            return []
        rows = await opened.fetch(
            f"SELECT {ENTRY_COLUMNS} FROM loyalty_ledger"  # noqa: S608 - our own texts
            f" WHERE casino_id = $1 AND {condition} = $2 ORDER BY entry_no",
            casino,
            value,
        )
        return [entry_of(row) for row in rows]

    before = await opened.fetchval(
        "SELECT balance_after FROM loyalty_ledger"
        " WHERE casino_id = $1 AND player_id = $2 AND entry_no = $3",
        casino,
        row["player_id"],
        entry.entry_no - 1,
    )
    return Trace(
        casino_id=casino,
        player_id=row["player_id"],
        idempotency_key=row["idempotency_key"],
        entry=entry,
        balance_before=before or 0,
        slip=await _slip(opened, casino, entry.rating_slip_id),
        base=_first(await related(LedgerReason.PROMOTION, _BASE, entry.rating_slip_id)),
        promotions=tuple(
            await related(LedgerReason.BASE_ACCRUAL, _PROMOTIONS, entry.rating_slip_id)
        ),
        takes_back=_first(await related(LedgerReason.REVERSAL, "id", entry.reversed_ledger_id)),
        taken_back_by=_first(await related(entry.reason, _REVERSAL, entry.id)),
    )


def _first(entries: list[LedgerEntry]) -> LedgerEntry | None:
    return entries[0] if entries else None


async def _slip(
    opened: asyncpg.Connection, casino_id: UUID, slip_id: UUID | None
) -> RatingSlip | None:
    row = await opened.fetchrow(
        "SELECT id AS rating_slip_id, status, visit_kind, table_id, game_type, average_bet,"
        " started_at, closed_at, duration_seconds, gaming_day, policy_snapshot"
        " FROM rating_slip WHERE casino_id = $1 AND id = $2",
        casino_id,
        slip_id,
    )
    if row is None:
        return None
    snapshot = json.loads(row["policy_snapshot"] or "null", parse_float=Decimal)
    return RatingSlip(**dict(row) | {"policy_snapshot": snapshot})
