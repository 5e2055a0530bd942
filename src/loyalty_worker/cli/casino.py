"""`loyalty casino add|list|set`; `disable` and `enable` are a module of their own."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated
from uuid import UUID

import asyncpg
import typer

from loyalty_worker.cli.casino_switch import disable, enable
from loyalty_worker.cli.exits import USAGE, CommandError
from loyalty_worker.cli.options import (
    ActorOption,
    CasinoArgument,
    JsonOption,
    YesOption,
    confirm,
    operator_url,
)
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows
from loyalty_worker.database.operator import (
    Casino,
    CasinoRules,
    SettingsChange,
    add_casino,
    list_casinos,
    operator_reading,
    operator_transaction,
    set_casino_settings,
)
from loyalty_worker.settings import load_settings

_RULES = [field.name for field in fields(CasinoRules)]
_COLUMNS = ["casino_id", "name", "status", *_RULES]

casino = typer.Typer(
    help="The casinos that may earn, with the operator's login.", no_args_is_help=True
)
casino.command("disable")(disable)
casino.command("enable")(enable)


@casino.command("add")
def add(
    casino_id: CasinoArgument,
    *,
    name: Annotated[str, typer.Option(help="The casino's name.")],
    timezone: Annotated[
        str | None, typer.Option(help="Its time zone, such as Europe/Vienna; UTC if not given.")
    ] = None,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Provision a casino, so that its slips earn points. The same again changes nothing."""
    url = operator_url(load_settings())
    confirm([f"add casino {casino_id}, {name}, time zone {timezone or 'UTC'}, as {actor}"], yes=yes)
    added = asyncio.run(_add(url, casino_id, name, timezone, actor))
    if as_json:
        print_json({"casino_id": casino_id, "added": added})
    else:
        print_line(f"casino {casino_id} {'is provisioned' if added else 'was provisioned already'}")


@casino.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """Print all casinos."""
    rows = [as_row(found) for found in asyncio.run(_list(operator_url(load_settings())))]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS)


@casino.command("set")
def change(
    casino_id: CasinoArgument,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE…", help=f"Of {', '.join(_RULES)}.")
    ],
    *,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change settings of a casino, all that are given or none; null is no cap."""
    wanted = dict(_pair(text) for text in settings)
    url = operator_url(load_settings())
    changed = asyncio.run(_set(url, casino_id, wanted, actor, yes=yes))
    if as_json:
        print_json({"casino_id": casino_id, **as_row(changed)})
    elif changed.after:
        print_line(f"casino {casino_id}: {', '.join(changed.after)} changed")
    else:
        print_line(f"casino {casino_id} has these settings already")


def _pair(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(USAGE, f"write {text} as NAME=VALUE")
    return name, None if value == "null" else value


async def _set(
    url: str, casino_id: UUID, wanted: Mapping[str, str | None], actor: str, *, yes: bool
) -> SettingsChange:
    """Make the change and show it; it is undone unless the person said `--yes`."""
    async with operator_transaction(url, [casino_id], actor) as connection:
        try:
            changed = await set_casino_settings(connection, casino_id, wanted)
        except asyncpg.InvalidParameterValueError as error:
            raise CommandError(USAGE, str(error.args[0])) from None
        confirm(
            [
                f"{name}: {_shown(before)} → {_shown(changed.after[name])}"
                for name, before in changed.before.items()
            ],
            yes=yes,
        )
        return changed


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


async def _add(url: str, casino_id: UUID, name: str, timezone: str | None, actor: str) -> bool:
    async with operator_transaction(url, [casino_id], actor) as connection:
        try:
            return await add_casino(connection, casino_id, name, timezone)
        except asyncpg.InvalidParameterValueError as error:
            raise CommandError(USAGE, str(error.args[0])) from None


async def _list(url: str) -> list[Casino]:
    async with operator_reading(url) as connection:
        return await list_casinos(connection)
