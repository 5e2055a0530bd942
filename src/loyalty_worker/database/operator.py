"""What an operator's login does and reads: one function for each thing the command line shows."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from loyalty_worker.database.connection import connection

_APPLICATION = "loyalty-cli"


@dataclass(frozen=True, slots=True)
class Casino:
    """A provisioned casino and the rules that matter to its accruals."""

    casino_id: UUID
    name: str
    status: str
    timezone: str
    accrual_enabled: bool


@asynccontextmanager
async def operator_transaction(
    url: str, casino_ids: Collection[UUID], actor: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Open a transaction with the operator's login, scoped to these casinos.

    `actor` is the person, for the audit. Raises `DatabaseUnavailable`.
    """
    async with connection(url, application_name=_APPLICATION) as opened, opened.transaction():
        await set_scope(opened, casino_ids)
        if actor is not None:
            await opened.execute("SELECT set_config('app.actor_name', $1, true)", actor)
        yield opened


@asynccontextmanager
async def operator_reading(
    url: str, casino_ids: Collection[UUID] | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Open a transaction that reads these casinos, all if None, in one snapshot.

    Raises `DatabaseUnavailable`.
    """
    async with (
        connection(url, application_name=_APPLICATION) as opened,
        opened.transaction(isolation="repeatable_read", readonly=True),
    ):
        if casino_ids is None:
            casino_ids = [row["id"] for row in await opened.fetch("SELECT id FROM casino")]
        await set_scope(opened, casino_ids)
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
    """Return the casinos of the transaction's scope, by name."""
    rows = await opened.fetch(
        "SELECT casino_id, name, status, timezone, accrual_enabled"
        " FROM casino JOIN casino_rules ON casino_rules.casino_id = casino.id"
        " WHERE id = ANY (service_scope()) ORDER BY name, id"
    )
    return [Casino(**dict(row)) for row in rows]


async def casino_exists(opened: asyncpg.Connection, casino_id: UUID) -> bool:
    """Whether a casino was provisioned."""
    found: bool = await opened.fetchval(
        "SELECT EXISTS (SELECT FROM casino WHERE id = $1)", casino_id
    )
    return found
