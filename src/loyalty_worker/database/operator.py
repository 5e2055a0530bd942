"""What an operator's login does and reads: one function for each thing the command line shows."""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from loyalty_worker.database.connection import connection
from loyalty_worker.database.refused import typed_refusals
from loyalty_worker.database.types import Connection

_APPLICATION = "loyalty-cli"
_RULES = (
    "timezone, accrual_enabled, gaming_day_start, max_redeem_points_per_txn,"
    " max_overdraw_points_per_redeem"
)


@dataclass(frozen=True, slots=True)
class CasinoRules:
    """The rules in force at a casino, settings or defaults; None is no cap, points are whole."""

    timezone: str
    accrual_enabled: bool
    gaming_day_start: time
    max_redeem_points_per_txn: int | None
    max_overdraw_points_per_redeem: int | None


@dataclass(frozen=True, slots=True)
class Casino(CasinoRules):
    """A provisioned casino and its rules."""

    casino_id: UUID
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """Settings that were changed, before and after, by name."""

    before: dict[str, Any]
    after: dict[str, Any]


@asynccontextmanager
async def operator_transaction(
    url: str, casino_ids: Collection[UUID], actor: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Open a transaction with the operator's login, scoped to these casinos.

    `actor` is the person, for the audit. Raises `DatabaseUnavailable` and `LoyaltyRefusedError`;
    what else the driver raises passes through.
    """
    with typed_refusals():
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

    Raises `DatabaseUnavailable` and `LoyaltyRefusedError`.
    """
    with typed_refusals():
        async with (
            connection(url, application_name=_APPLICATION) as opened,
            opened.transaction(isolation="repeatable_read", readonly=True),
        ):
            if casino_ids is None:
                casino_ids = [row["id"] for row in await opened.fetch("SELECT id FROM casino")]
            await set_scope(opened, casino_ids)
            yield opened


async def set_scope(opened: "Connection", casino_ids: Collection[UUID]) -> None:
    """Scope the transaction to these casinos, under a correlation id of its own."""
    await opened.execute("SELECT set_service_context($1, $2)", sorted(casino_ids), f"cli-{uuid4()}")


async def add_casino(
    opened: "Connection", casino_id: UUID, name: str, timezone: str | None
) -> bool:
    """Provision a casino; False where it is there already with the same data.

    Other data is refused; a blank name or an unknown time zone is `InvalidParameterValueError`,
    whose text is the function's own.
    """
    added: bool = await opened.fetchval("SELECT add_casino($1, $2, $3)", casino_id, name, timezone)
    return added


async def list_casinos(opened: "Connection") -> list[Casino]:
    """Return the casinos of the transaction's scope, by name."""
    rows = await opened.fetch(
        f"SELECT casino_id, name, status, {_RULES}"  # noqa: S608 - our column names
        " FROM casino JOIN casino_rules ON casino_rules.casino_id = casino.id"
        " WHERE id = ANY (service_scope()) ORDER BY name, id"
    )
    return [Casino(**dict(row)) for row in rows]


async def set_casino_settings(
    opened: "Connection", casino_id: UUID, settings: Mapping[str, str | int | bool | None]
) -> SettingsChange:
    """Change a casino's settings, audited; those that stay as they are, are not returned.

    An unknown name or a value that does not fit is `InvalidParameterValueError`, whose text is
    the function's own.
    """
    row = await opened.fetchrow(
        "SELECT settings_before, settings_after FROM set_casino_settings($1, $2)",
        casino_id,
        json.dumps(settings),
    )
    before, after = (json.loads(column) for column in row or ("{}", "{}"))
    return SettingsChange(before, after)


async def casino_exists(opened: "Connection", casino_id: UUID) -> bool:
    """Whether a casino was provisioned."""
    found: bool = await opened.fetchval(
        "SELECT EXISTS (SELECT FROM casino WHERE id = $1)", casino_id
    )
    return found
