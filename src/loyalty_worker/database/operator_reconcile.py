"""How an operator reconciles players' caches with the ledger's entries: all over one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from loyalty_worker.database.connection import connection
from loyalty_worker.database.operator import set_scope
from loyalty_worker.database.refused import refusals
from loyalty_worker.database.types import Connection


@dataclass(frozen=True, slots=True)
class Cache:
    """What a player's cache says: the balance, and of how many entries."""

    balance: int
    entries: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a player's cache says now; `drift_detected` where it said something else before."""

    cache: Cache
    drift_detected: bool


@dataclass(frozen=True, slots=True)
class Reconciliations:
    """Opens a transaction for each player; `actor` and `reason` are for the audit."""

    opened: asyncpg.Connection
    actor: str
    reason: str

    @asynccontextmanager
    async def transaction(self, casino_id: UUID) -> AsyncIterator[asyncpg.Connection]:
        """Open a transaction scoped to a casino. Raises `LoyaltyRefusedError` and `Fault`."""
        with refusals():
            async with self.opened.transaction():
                await set_scope(self.opened, [casino_id])
                await self.opened.execute(
                    "SELECT set_config('app.actor_name', $1, true),"
                    " set_config('app.reason', $2, true)",
                    self.actor,
                    self.reason,
                )
                yield self.opened


@asynccontextmanager
async def reconciliations(url: str, actor: str, reason: str) -> AsyncIterator[Reconciliations]:
    """Open the operator's connection. Raises `DatabaseUnavailable`."""
    async with connection(url, application_name="loyalty-cli") as opened:
        yield Reconciliations(opened, actor, reason)


async def drifting_players(opened: "Connection", run_id: UUID) -> list[tuple[UUID, UUID]]:
    """Return casino and player of a run's findings that were not reconciled yet."""
    rows = await opened.fetch(
        "SELECT DISTINCT casino_id, player_id FROM drift_finding"
        " WHERE run_id = $1 AND reconciled_at IS NULL ORDER BY casino_id, player_id",
        run_id,
    )
    return [(row["casino_id"], row["player_id"]) for row in rows]


async def lock_cache(opened: "Connection", casino_id: UUID, player_id: UUID) -> Cache | None:
    """Return what a player's cache says, None where there is none; it stays so until the end."""
    row = await opened.fetchrow(
        "SELECT current_balance AS balance, entry_count AS entries FROM player_loyalty"
        " WHERE casino_id = $1 AND player_id = $2 FOR NO KEY UPDATE",
        casino_id,
        player_id,
    )
    return None if row is None else Cache(**dict(row))


async def reconcile(opened: "Connection", casino_id: UUID, player_id: UUID) -> Reconciled:
    """Set a player's cache to what the entries say, audited; the findings it settles are closed.

    Raises `LoyaltyRefusedError` where the entries are damaged, and where there is nothing.
    """
    drift_detected: bool = await opened.fetchval(
        "SELECT drift_detected FROM rpc_reconcile_loyalty_balance($1, $2)", player_id, casino_id
    )
    await opened.execute("SELECT settle_drift_findings($1, $2)", casino_id, player_id)
    cache = await lock_cache(opened, casino_id, player_id)
    assert cache is not None  # noqa: S101 - reconciled just now
    return Reconciled(cache, drift_detected)
