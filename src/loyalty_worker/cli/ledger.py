"""`loyalty ledger show|trace`."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from loyalty_worker.cli.checks import require_casino
from loyalty_worker.cli.exits import PROBLEM_FOUND, REFUSED, USAGE, CommandError
from loyalty_worker.cli.options import (
    CasinoOption,
    JsonOption,
    PlayerArgument,
    operator_url,
    read_time,
)
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows, say
from loyalty_worker.cli.trace import trace_document, trace_lines
from loyalty_worker.database.cursors import CursorError, StatementQuery
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.readings import MAX_PAGE
from loyalty_worker.database.results import LedgerPage
from loyalty_worker.database.statements import Account, read_account, read_all, read_page
from loyalty_worker.database.traces import Trace, read_trace
from loyalty_worker.domain.entries import LedgerReason
from loyalty_worker.settings import load_settings

ledger = typer.Typer(help="The ledger, with the operator's login.", no_args_is_help=True)

_COLUMNS = ["entry_no", "occurred_at", "reason", "points_delta", "balance_after", "id", "note"]


@ledger.command("show")
def show(
    player_id: PlayerArgument,
    *,
    casino: CasinoOption,
    reason: Annotated[LedgerReason | None, typer.Option(help="Only entries of this kind.")] = None,
    slip: Annotated[UUID | None, typer.Option(help="Only entries of this rating slip.")] = None,
    visit: Annotated[UUID | None, typer.Option(help="Only entries of this visit.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", parser=read_time, metavar="TIME", help="Occurred then or later."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", parser=read_time, metavar="TIME", help="Occurred before that."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="Entries of one page.")] = 20,
    cursor: Annotated[
        str | None, typer.Option(help="Show the page after the one that printed this.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all pages.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a player's balance and statement at a casino, newest entry first."""
    if everything and cursor is not None:
        raise CommandError(USAGE, "--all shows all pages: leave --cursor out")
    query = StatementQuery(
        casino_id=casino,
        player_id=player_id,
        reason=reason,
        rating_slip_id=slip,
        visit_id=visit,
        occurred_from=since,
        occurred_to=until,
    )
    size = None if everything else limit
    account, page = asyncio.run(_read(operator_url(load_settings()), query, size, cursor))
    if account.drifts:
        say(
            f"the cached balance {account.current_balance} ({account.entry_count} entries) differs"
            f" from the ledger's {account.ledger_balance} ({account.ledger_entries} entries):"
            " the ledger is right"
        )
    if as_json:
        print_json(_statement_document(query, account, page))
        return
    print_rows([as_row(entry) for entry in page.entries], _COLUMNS)
    print_line(f"balance {account.current_balance} after {account.entry_count} entries")
    if page.next_cursor is not None:
        say(f"there are more: --cursor {page.next_cursor} shows the next page, --all everything")


def _statement_document(query: StatementQuery, account: Account, page: LedgerPage) -> object:
    return {
        "casino_id": query.casino_id,
        "player_id": query.player_id,
        **as_row(account),
        "entries": [as_row(entry) for entry in page.entries],
        "next_cursor": page.next_cursor,
    }


async def _read(
    url: str, query: StatementQuery, limit: int | None, cursor: str | None
) -> tuple[Account, LedgerPage]:
    """Read the account and one page of `limit` entries, or all of them for None."""
    async with operator_reading(url, [query.casino_id]) as opened:
        await require_casino(opened, query.casino_id)
        account = await read_account(opened, query.casino_id, query.player_id)
        if limit is None:
            entries = [entry async for entry in read_all(opened, query)]
            return account, LedgerPage(tuple(entries), None)
        try:
            return account, await read_page(opened, query, limit, cursor)
        except CursorError as error:
            raise CommandError(USAGE, str(error)) from None


@ledger.command("trace")
def trace(
    entry_id: Annotated[UUID, typer.Argument(help="The ledger entry's id.")],
    *,
    casino: Annotated[
        UUID | None, typer.Option(help="The casino's id; all are searched without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print how an entry's points came about, with the arithmetic.

    Exit status 3 where the arithmetic does not give the entry's points or balance.
    """
    found = asyncio.run(_trace(operator_url(load_settings()), entry_id, casino))
    document: dict[str, Any] = trace_document(found)
    if as_json:
        print_json(document)
    else:
        for line in trace_lines(found):
            print_line(line)
    if not all(step["holds"] for step in document["arithmetic"]):
        raise CommandError(
            PROBLEM_FOUND, "the arithmetic does not give what is booked: compare with a backup"
        )


async def _trace(url: str, entry_id: UUID, casino_id: UUID | None) -> Trace:
    async with operator_reading(url, None if casino_id is None else [casino_id]) as opened:
        found = await read_trace(opened, entry_id)
    if found is None:
        where = "any casino" if casino_id is None else f"casino {casino_id}"
        raise CommandError(
            REFUSED,
            f"no ledger entry {entry_id} at {where}; `loyalty ledger show` prints entries' ids",
        )
    return found
