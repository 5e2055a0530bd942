"""Ledgers with planted damage, and runs of the drift check over them, for the tests of the SQL."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TypeAlias

import asyncpg

from sqlslips import Connection, scope

# kind, cached and computed balance, drift, number of entries
Finding: TypeAlias = tuple[str, int | None, int, int, int]
BEGIN = "SELECT * FROM begin_drift_check($1, $2, $3, $4, $5)"
ADVANCE = "SELECT * FROM advance_drift_check($1, $2, $3)"
_PLANTED = {
    "reason": "adjustment",
    "staff_id": uuid.UUID(int=0),
    "note": "planted",
    "payload_hash": bytes(32),
}
CLOSE = "SELECT * FROM close_drift_check($1, 'drift-alerts', '/loyalty/test')"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the drift check reads of an entry."""

    number: int
    points: int
    balance: int


@dataclass(frozen=True, slots=True)
class Account:
    """A player's cache, balance and count or None, and entries."""

    casino: uuid.UUID
    player: uuid.UUID = field(default_factory=uuid.uuid4)
    cache: tuple[int, int] | None = (0, 0)
    entries: tuple[Entry, ...] = ()

    def cached(self, balance: int, count: int | None = None) -> "Account":
        """Return the account with another cache; the count is as it was unless it is given."""
        kept = self.cache[1] if self.cache else len(self.entries)
        return replace(self, cache=(balance, kept if count is None else count))

    def kinds(self) -> set[Finding]:
        """Return what the check has to find."""
        computed, count = sum(entry.points for entry in self.entries), len(self.entries)
        balance, cached_count = self.cache or (None, None)
        chain = (Entry(0, 0, 0), *self.entries)
        found = {
            "balance": count > 0 and balance not in {None, computed},
            "entry_count": count > 0 and cached_count not in {None, count},
            "entries_missing": [entry.number for entry in chain] != list(range(count + 1)),
            "chain_broken": any(
                after.number == before.number + 1 and after.balance != before.balance + after.points
                for before, after in pairwise(chain)
            ),
            "cache_missing": count > 0 and self.cache is None,
            "cache_without_entries": count == 0 and self.cache not in {None, (0, 0)},
        }
        drift = (balance or 0) - computed
        return {(kind, balance, computed, drift, count) for kind in found if found[kind]}


def account(casino: uuid.UUID, *points: int, player: uuid.UUID | None = None) -> Account:
    """Return a sound account with one entry for each of these points."""
    balances = list(accumulate(points))
    return Account(
        casino,
        player or uuid.uuid4(),
        (balances[-1] if balances else 0, len(points)),
        tuple(
            Entry(number, each, balance)
            for number, (each, balance) in enumerate(zip(points, balances, strict=True), 1)
        ),
    )


async def plant(superuser: Connection, accounts: Sequence[Account]) -> None:
    """Store accounts as they are, as no DML can: with the guards switched off."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
        await superuser.executemany(
            "INSERT INTO player (id) VALUES ($1) ON CONFLICT DO NOTHING",
            [(each.player,) for each in accounts],
        )
        await superuser.copy_records_to_table(
            "player_loyalty",
            columns=["casino_id", "player_id", "current_balance", "entry_count"],
            records=[(each.casino, each.player, *each.cache) for each in accounts if each.cache],
        )
        await superuser.copy_records_to_table(
            "loyalty_ledger",
            columns=[
                *_PLANTED,
                "idempotency_key",
                "casino_id",
                "player_id",
                "entry_no",
                "points_delta",
                "balance_after",
            ],
            records=[
                (*_PLANTED.values(), uuid.uuid4(), each.casino, each.player, *astuple(entry))
                for each in accounts
                for entry in each.entries
            ],
        )
        await superuser.execute("ALTER TABLE loyalty_ledger ENABLE TRIGGER USER")


@asynccontextmanager
async def every_casino(connection: Connection) -> AsyncIterator[Connection]:
    """Open a transaction whose context is all casinos."""
    casinos = [row["id"] for row in await connection.fetch("SELECT id FROM casino")]
    async with scope(connection, casinos):
        yield connection


async def begin(
    connection: Connection,
    casino: uuid.UUID | None = None,
    *,
    trigger: str = "command",
    request: tuple[str | None, str | None] = (None, None),
) -> uuid.UUID:
    """Begin a run, of all casinos unless one is given; return its id."""
    async with every_casino(connection):
        run: uuid.UUID = await connection.fetchval(BEGIN, trigger, casino, *request, "the test")
    return run


async def advance(
    connection: Connection, run: uuid.UUID, players: int = 5_000, entries: int = 50_000
) -> asyncpg.Record | None:
    """Walk a run by one chunk; return what it says."""
    async with every_casino(connection):
        return await connection.fetchrow(ADVANCE, run, players, entries)


async def walk(
    connection: Connection, run: uuid.UUID, players: int = 5_000, entries: int = 50_000
) -> list[tuple[int, int, int]]:
    """Walk a run to its end; return players, entries and findings of each chunk."""
    chunks: list[tuple[int, int, int]] = []
    while chunk := await advance(connection, run, players, entries):
        if chunk["walked"]:
            break
        chunks.append((chunk["players"], chunk["entries"], chunk["findings"]))
    return chunks


async def close(connection: Connection, run: uuid.UUID) -> asyncpg.Record:
    """Finish a walked run; return what it says."""
    async with every_casino(connection):
        (row,) = await connection.fetch(CLOSE, run)
    return row


async def checked(connection: Connection, casino: uuid.UUID | None = None) -> uuid.UUID:
    """Run a check from beginning to end; return its id."""
    run = await begin(connection, casino)
    await walk(connection, run)
    await close(connection, run)
    return run


async def findings_of(connection: Connection, run: uuid.UUID) -> dict[uuid.UUID, set[Finding]]:
    """Return what a run found, by player."""
    found: dict[uuid.UUID, set[Finding]] = {}
    for row in await connection.fetch(
        "SELECT player_id, kind, current_balance, computed_balance, drift, ledger_entry_count"
        " FROM drift_finding WHERE run_id = $1",
        run,
    ):
        player, kind, balance, computed, drift, count = row
        found.setdefault(player, set()).add((kind, balance, computed, drift, count))
    return found


async def drift_gauges(connection: Connection) -> dict[str, float]:
    """Return the gauges of players by severity, and of points under 'points'."""
    return {
        row["label"] or "points": row["value"]
        for row in await connection.fetch(
            "SELECT label, value FROM operational_gauges()"
            " WHERE gauge IN ('drift_players', 'drift_points_abs')"
        )
    }


def house(casino: uuid.UUID, *damaged: Account) -> list[Account]:
    """Return so many sound accounts that the damaged are few."""
    return [*(account(casino, 1) for _ in range(100)), *damaged]
