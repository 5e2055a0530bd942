"""`loyalty ledger show`."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.cli.exits import REFUSED, CommandError
from loyalty_worker.cli.options import CasinoOption, JsonOption, PlayerArgument, operator_url
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows, say
from loyalty_worker.database.operator import (
    Statement,
    casino_exists,
    operator_transaction,
    read_statement,
)
from loyalty_worker.settings import load_settings

ledger = typer.Typer(help="The ledger, with the operator's login.", no_args_is_help=True)

_COLUMNS = [
    "entry_no",
    "occurred_at",
    "reason",
    "points_delta",
    "balance_after",
    "rating_slip_id",
    "note",
]


@ledger.command("show")
def show(
    player_id: PlayerArgument,
    *,
    casino: CasinoOption,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries to print.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Print a player's balance and statement at a casino, newest entry first."""
    statement = asyncio.run(_read(operator_url(load_settings()), casino, player_id, limit))
    if as_json:
        entries = [as_row(entry) for entry in statement.entries]
        print_json(
            {
                "casino_id": casino,
                "player_id": player_id,
                "current_balance": statement.current_balance,
                "entry_count": statement.entry_count,
                "entries": entries,
            }
        )
        return
    print_rows([as_row(entry) for entry in statement.entries], _COLUMNS)
    print_line(f"balance {statement.current_balance} after {statement.entry_count} entries")
    if len(statement.entries) < statement.entry_count:
        say(f"the newest {len(statement.entries)} entries; --limit shows more")


async def _read(url: str, casino_id: UUID, player_id: UUID, limit: int) -> Statement:
    async with operator_transaction(url, [casino_id]) as connection:
        if not await casino_exists(connection, casino_id):
            raise CommandError(
                REFUSED, f"casino {casino_id} is not provisioned; `loyalty casino list` shows all"
            )
        return await read_statement(connection, casino_id, player_id, limit)
