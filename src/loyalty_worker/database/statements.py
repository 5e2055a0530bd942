"""Statements for an operator: by SELECT, in the scope of the transaction.

The functions that page a statement serve staff; what a page is, is the same here.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from loyalty_worker.database.cursors import StatementQuery, decode_cursor
from loyalty_worker.database.readings import ENTRY_COLUMNS, MAX_PAGE, entry_of, page_of
from loyalty_worker.database.results import LedgerEntry, LedgerPage


@dataclass(frozen=True, slots=True)
class Account:
    """A player's balance at a casino: as cached, and as the newest entry says."""

    current_balance: int
    entry_count: int
    ledger_balance: int
    ledger_entries: int

    @property
    def drifts(self) -> bool:
        """Whether the cache disagrees with the newest entry."""
        cached = (self.current_balance, self.entry_count)
        return cached != (self.ledger_balance, self.ledger_entries)


async def read_account(opened: asyncpg.Connection, casino_id: UUID, player_id: UUID) -> Account:
    """Return a player's account; zeros for a stranger."""
    (row,) = await opened.fetch(
        "SELECT coalesce(b.current_balance, 0) AS current_balance,"
        " coalesce(b.entry_count, 0) AS entry_count,"
        " coalesce(n.balance_after, 0) AS ledger_balance, coalesce(n.entry_no, 0) AS ledger_entries"
        " FROM (VALUES ($1::uuid, $2::uuid)) AS p (casino_id, player_id)"
        " LEFT JOIN player_loyalty AS b USING (casino_id, player_id)"
        " LEFT JOIN LATERAL (SELECT l.balance_after, l.entry_no FROM loyalty_ledger AS l"
        " WHERE l.casino_id = p.casino_id AND l.player_id = p.player_id"
        " ORDER BY l.entry_no DESC LIMIT 1) AS n ON true",
        casino_id,
        player_id,
    )
    return Account(**dict(row))


async def read_page(
    opened: asyncpg.Connection, query: StatementQuery, limit: int, cursor: str | None = None
) -> LedgerPage:
    """Return a page of 1 to 100 entries, newest first; raises `CursorError`."""
    before = None if cursor is None else decode_cursor(query, cursor)
    conditions = [
        (condition, value)
        for condition, value in (
            ("casino_id = {}", query.casino_id),
            ("player_id = {}", query.player_id),
            ("entry_no < {}", before),
            ("reason = {}::loyalty_reason", query.reason),
            ("rating_slip_id = {}", query.rating_slip_id),
            ("visit_id = {}", query.visit_id),
            ("occurred_at >= {}", query.occurred_from),
            ("occurred_at < {}", query.occurred_to),
        )
        if value is not None
    ]
    where = " AND ".join(
        condition.format(f"${number}") for number, (condition, _) in enumerate(conditions, start=1)
    )
    rows = await opened.fetch(
        f"SELECT {ENTRY_COLUMNS} FROM loyalty_ledger WHERE {where}"  # noqa: S608 - our own texts
        f" ORDER BY entry_no DESC LIMIT {min(limit, MAX_PAGE) + 1}",
        *(value for _, value in conditions),
    )
    return page_of(query, [entry_of(row) for row in rows[:limit]], more=len(rows) > limit)


async def read_all(opened: asyncpg.Connection, query: StatementQuery) -> AsyncIterator[LedgerEntry]:
    """Return every entry, newest first, page by page."""
    cursor: str | None = None
    while True:
        page = await read_page(opened, query, MAX_PAGE, cursor)
        for entry in page.entries:
            yield entry
        if (cursor := page.next_cursor) is None:
            return
