"""What an operator's login does and reads: one function for each thing the command line shows."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from loyalty_worker.database.connection import connection


@dataclass(frozen=True, slots=True)
class Casino:
    """A provisioned casino and the rules that matter to its accruals."""

    casino_id: UUID
    name: str
    status: str
    timezone: str
    accrual_enabled: bool


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One ledger entry as a statement shows it; columns are the ledger's."""

    entry_no: int
    occurred_at: datetime
    reason: str
    points_delta: int
    balance_after: int
    rating_slip_id: UUID | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A player's cached balance at a casino, and the newest entries, newest first."""

    current_balance: int
    entry_count: int
    entries: tuple[StatementEntry, ...]


@asynccontextmanager
async def operator_transaction(
    url: str, casino_ids: Collection[UUID], actor: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Open a transaction with the operator's login, scoped to these casinos.

    `actor` is the person, for the audit. Raises `DatabaseUnavailable`.
    """
    async with connection(url, application_name="loyalty-cli") as opened, opened.transaction():
        await set_scope(opened, casino_ids)
        if actor is not None:
            await opened.execute("SELECT set_config('app.actor_name', $1, true)", actor)
        yield opened


async def set_scope(opened: asyncpg.Connection, casino_ids: Collection[UUID]) -> None:
    """Scope the transaction to these casinos, under a correlation id of its own."""
    await opened.execute("SELECT set_service_context($1, $2)", sorted(casino_ids), f"cli-{uuid4()}")


async def add_casino(
    opened: asyncpg.Connection, casino_id: UUID, name: str, timezone: str | None
) -> bool:
    """Provision a casino; False where it is there already with the same data.

    Other data is refused; a blank name or an unknown time zone is `InvalidParameterValueError`,
    whose text is the function's own.
    """
    added: bool = await opened.fetchval("SELECT add_casino($1, $2, $3)", casino_id, name, timezone)
    return added


async def list_casinos(opened: asyncpg.Connection) -> list[Casino]:
    """Return all casinos by name; widens the transaction's scope to all of them."""
    ids = await opened.fetch("SELECT id FROM casino")
    await set_scope(opened, [row["id"] for row in ids])
    rows = await opened.fetch(
        "SELECT casino_id, name, status, timezone, accrual_enabled"
        " FROM casino JOIN casino_rules ON casino_rules.casino_id = casino.id ORDER BY name, id"
    )
    return [Casino(**dict(row)) for row in rows]


async def casino_exists(opened: asyncpg.Connection, casino_id: UUID) -> bool:
    """Whether a casino was provisioned."""
    found: bool = await opened.fetchval(
        "SELECT EXISTS (SELECT FROM casino WHERE id = $1)", casino_id
    )
    return found


async def read_statement(
    opened: asyncpg.Connection, casino_id: UUID, player_id: UUID, limit: int
) -> Statement:
    """Return a player's balance and at most `limit` entries; zero and none for a stranger."""
    balance = await opened.fetchrow(
        "SELECT current_balance, entry_count FROM player_loyalty"
        " WHERE casino_id = $1 AND player_id = $2",
        casino_id,
        player_id,
    )
    rows = await opened.fetch(
        "SELECT entry_no, occurred_at, reason::text AS reason, points_delta, balance_after,"
        " rating_slip_id, note FROM loyalty_ledger"
        " WHERE casino_id = $1 AND player_id = $2 ORDER BY entry_no DESC LIMIT $3",
        casino_id,
        player_id,
        limit,
    )
    return Statement(
        current_balance=0 if balance is None else balance["current_balance"],
        entry_count=0 if balance is None else balance["entry_count"],
        entries=tuple(StatementEntry(**dict(row)) for row in rows),
    )
