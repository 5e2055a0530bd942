"""Fills a migrated database with a ledger as years of play leave it, much faster than play would.

Entries lie in the order of time, a player's scattered over the table, and are spread unevenly: a
few players have thousands, most a handful. Chains and cached balances are right. The seed of the
random numbers is fixed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import asyncpg

from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import add_casino, connected

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

_GUARDED = ("loyalty_ledger", "player_loyalty")
_FIRINGS = {b"O": "ENABLE", b"A": "ENABLE ALWAYS", b"R": "ENABLE REPLICA"}

# The first entries give each player one; of the others, the share of the first x of the players is
# the square root of x.
_DEAL = """
CREATE TEMPORARY TABLE dealt AS
SELECT d.n, c.id AS casino_id, md5('player ' || d.player)::uuid AS player_id,
    d.points AS points_delta,
    row_number() OVER chain AS entry_no,
    (sum(d.points) OVER chain)::bigint AS balance_after
FROM (
    SELECT g.n, 1 + g.n * 7919 % 4000 AS points,
        CASE WHEN g.n < $2 THEN g.n ELSE floor($2::bigint * g.random ^ 2)::bigint END AS player
    FROM (SELECT n, random() FROM generate_series(0, $1::bigint - 1) AS n) AS g
) AS d
JOIN unnest($3::uuid[]) WITH ORDINALITY AS c (id, number)
    ON c.number = 1 + d.player % cardinality($3::uuid[])
WINDOW chain AS (PARTITION BY d.player ORDER BY d.n)
"""
_FILL = """
INSERT INTO player (id) SELECT DISTINCT d.player_id FROM dealt AS d;

INSERT INTO player_loyalty (casino_id, player_id, current_balance, entry_count)
SELECT d.casino_id, d.player_id, sum(d.points_delta), count(*) FROM dealt AS d GROUP BY 1, 2;

INSERT INTO loyalty_ledger (
    casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
    visit_id, source_kind, source_id, idempotency_key, payload_hash
)
SELECT d.casino_id, md5('entry ' || d.n)::uuid, d.player_id, d.entry_no, d.points_delta,
    d.balance_after, 'base_accrual', md5('slip ' || d.n)::uuid, md5('visit ' || d.n)::uuid,
    'rating_slip', md5('slip ' || d.n)::uuid, md5('key ' || d.n)::uuid, sha256(d.n::text::bytea)
FROM dealt AS d
ORDER BY d.n;

DROP TABLE dealt;
"""
# Building an index afterwards takes a tenth of the time of growing it; primary keys stay.
_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index AS i
WHERE i.indrelid = 'loyalty_ledger'::regclass AND NOT i.indisprimary
"""
_TRIGGERS = """
SELECT t.tgrelid::regclass::text AS relation, quote_ident(t.tgname) AS name, t.tgenabled AS firing
FROM pg_trigger AS t
WHERE t.tgrelid = ANY ($1::regclass[]) AND t.tgenabled <> 'D'
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the ledger is; each player has at least one entry, in one of the casinos."""

    entries: int
    players: int
    casinos: int

    @property
    def casino_ids(self) -> list[UUID]:
        """The casinos' ids."""
        return [_named("casino", number) for number in range(self.casinos)]

    def player(self, number: int) -> tuple[UUID, UUID]:
        """Return the casino and the id of a player, as the database has them."""
        return self.casino_ids[number % self.casinos], _named("player", number)


async def fill(database: DatabaseUrls, shape: Shape) -> None:
    """Add the casinos, the players and their entries, and leave the tables as after a vacuum."""
    for casino_id in shape.casino_ids:
        await add_casino(database, str(casino_id), f"Casino {casino_id}")
    async with connected(database.superuser) as connection:
        await connection.execute(
            "SET work_mem = '256MB'; SET maintenance_work_mem = '256MB';"
            " SET synchronous_commit = off; SET max_parallel_workers_per_gather = 0;"
            " SELECT setseed(0.5)"
        )
        await connection.execute(_DEAL, shape.entries, shape.players, shape.casino_ids)
        async with _unguarded(connection), _without_indexes(connection):
            await connection.execute(_FILL)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


@asynccontextmanager
async def _unguarded(connection: "Connection") -> AsyncIterator[None]:
    """Switch triggers and foreign keys off for a while; afterwards they fire as before."""
    triggers = await connection.fetch(_TRIGGERS, list(_GUARDED))
    await _execute(connection, [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in _GUARDED])
    yield
    await _execute(
        connection,
        [
            f"ALTER TABLE {one['relation']} {_FIRINGS[one['firing']]} TRIGGER {one['name']}"
            for one in triggers
        ],
    )


@asynccontextmanager
async def _without_indexes(connection: "Connection") -> AsyncIterator[None]:
    """Drop the ledger's indexes for a while."""
    indexes = await connection.fetch(_INDEXES)
    await _execute(connection, [f"DROP INDEX {index['name']}" for index in indexes])
    yield
    await _execute(connection, [index["definition"] for index in indexes])


async def _execute(connection: "Connection", commands: Sequence[str]) -> None:
    for command in commands:
        await connection.execute(command)


def _named(kind: str, number: int) -> UUID:
    return UUID(md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest())
