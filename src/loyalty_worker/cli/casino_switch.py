"""`loyalty casino disable|enable`: whether a casino's events earn now, or wait."""

import asyncio
from uuid import UUID

from loyalty_worker.cli.options import (
    ActorOption,
    CasinoArgument,
    JsonOption,
    ReasonOption,
    YesOption,
    confirm,
    operator_url,
)
from loyalty_worker.cli.output import print_json, print_line
from loyalty_worker.database.operator import operator_transaction, set_casino_settings
from loyalty_worker.settings import load_settings


def disable(
    casino_id: CasinoArgument,
    *,
    reason: ReasonOption,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a casino's events wait from now on; they are kept, and never expire."""
    plan = f"disable casino {casino_id}: its events will wait; as {actor}: {reason}"
    changed = _switch(casino_id, reason, actor, plan, enabled=False, yes=yes)
    _print(casino_id, "disabled", changed=changed, as_json=as_json)


def enable(
    casino_id: CasinoArgument,
    *,
    reason: ReasonOption,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a casino's events earn again; the worker's sweeper posts those that wait."""
    plan = f"enable casino {casino_id}: what waits will be posted; as {actor}: {reason}"
    changed = _switch(casino_id, reason, actor, plan, enabled=True, yes=yes)
    _print(casino_id, "enabled", changed=changed, as_json=as_json)


def _switch(
    casino_id: UUID, reason: str, actor: str, plan: str, *, enabled: bool, yes: bool
) -> bool:
    confirm([plan], yes=yes)
    return asyncio.run(
        _set(operator_url(load_settings()), casino_id, reason, actor, enabled=enabled)
    )


async def _set(url: str, casino_id: UUID, reason: str, actor: str, *, enabled: bool) -> bool:
    async with operator_transaction(url, [casino_id], actor) as connection:
        await connection.execute("SELECT set_config('app.reason', $1, true)", reason)
        changed = await set_casino_settings(connection, casino_id, {"accrual_enabled": enabled})
    return "accrual_enabled" in changed.after


def _print(casino_id: UUID, state: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"casino_id": casino_id, "changed": changed})
    else:
        print_line(f"casino {casino_id} {'is' if changed else 'was already'} {state}")
