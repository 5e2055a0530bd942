"""The ledger's reading functions, one method each, for any staff of the casino."""

import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from loyalty_worker.database.cursors import StatementQuery, decode_cursor, encode_cursor
from loyalty_worker.database.functions import LedgerFunctions
from loyalty_worker.database.results import (
    LedgerEntry,
    LedgerPage,
    PlayerBalance,
    RewardSuggestion,
)
from loyalty_worker.domain.entries import LedgerReason

MAX_PAGE = 100
ENTRY_COLUMNS = (
    "id, entry_no, points_delta, balance_after, reason::text AS reason, rating_slip_id, visit_id,"
    " staff_id, campaign_id, reversed_ledger_id, note, metadata, gaming_day, occurred_at,"
    " created_at"
)


class ReadingFunctions(LedgerFunctions):
    """Balance, statement and suggestion; nothing is written."""

    async def session_reward_suggestion(
        self, *, rating_slip_id: UUID, as_of: datetime | None = None
    ) -> RewardSuggestion:
        """Return what a slip earns, an open one by the time played until `as_of` (None: now).

        Refuses what an accrual would refuse.
        """
        row = await self._row(
            "SELECT suggested_theo, suggested_points, policy_version, max_recommended_points, notes"
            " FROM evaluate_session_reward_suggestion($1, coalesce($2, now()))",
            rating_slip_id,
            as_of,
        )
        return RewardSuggestion(**dict(row))

    async def player_balance(self, *, casino_id: UUID, player_id: UUID) -> PlayerBalance | None:
        """Return a player's cached balance; None for a player without entries."""
        rows = await self._rows(
            "SELECT current_balance, tier, updated_at FROM rpc_get_player_balance($1, $2)",
            casino_id,
            player_id,
        )
        return PlayerBalance(**dict(rows[0])) if rows else None

    async def player_ledger(
        self, query: StatementQuery, limit: int = 20, cursor: str | None = None
    ) -> LedgerPage:
        """Return a page of 1 to 100 entries, newest first; raises `CursorError`.

        Entries that are added meanwhile appear on no later page, and none is missed or repeated.
        """
        rows = await self._rows(
            f"SELECT {ENTRY_COLUMNS}, has_more"  # noqa: S608 - our column names
            " FROM rpc_get_player_ledger($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            query.casino_id,
            query.player_id,
            None if cursor is None else decode_cursor(query, cursor),
            limit,
            query.reason,
            query.rating_slip_id,
            query.visit_id,
            query.occurred_from,
            query.occurred_to,
        )
        more = bool(rows) and rows[-1]["has_more"]
        return page_of(query, [entry_of(row) for row in rows], more=more)


def entry_of(row: asyncpg.Record) -> LedgerEntry:
    """Return the entry of a row with (at least) the columns of an entry; decimals stay exact."""
    columns = {name: row[name] for name in LedgerEntry.__dataclass_fields__}
    metadata = json.loads(row["metadata"], parse_float=Decimal)
    return LedgerEntry(**columns | {"reason": LedgerReason(row["reason"]), "metadata": metadata})


def page_of(query: StatementQuery, entries: list[LedgerEntry], *, more: bool) -> LedgerPage:
    """Return the page of these entries, with a cursor where there are more."""
    cursor = encode_cursor(query, entries[-1].entry_no) if more else None
    return LedgerPage(tuple(entries), cursor)
