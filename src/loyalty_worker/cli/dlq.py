"""`loyalty dlq list|show`; what decides about letters is in modules of its own."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.cli.conflict_view import read_conflict
from loyalty_worker.cli.dlq_decisions import discard, purge, quarantine
from loyalty_worker.cli.exits import REFUSED, CommandError
from loyalty_worker.cli.letter_view import letter_document, letter_lines
from loyalty_worker.cli.options import JsonOption, operator_url, read_time
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows
from loyalty_worker.cli.redrive import redrive
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_letters import Letter, WholeLetter, list_letters, read_letter
from loyalty_worker.settings import load_settings

dlq = typer.Typer(help="Dead letters: what could not be posted.", no_args_is_help=True)
dlq.command("redrive")(redrive)
dlq.command("discard")(discard)
dlq.command("quarantine")(quarantine)
dlq.command("purge")(purge)

_STATUSES = ("open", "resolved", "redriven", "discarded")
_COLUMNS = list(Letter.__slots__)


def _status(text: str) -> str:
    if text not in (*_STATUSES, "all"):
        raise typer.BadParameter(f"one of {', '.join(_STATUSES)}, all")
    return text


@dlq.command("list")
def list_all(
    *,
    status: Annotated[
        str, typer.Option(parser=_status, metavar="STATUS", help=f"{', '.join(_STATUSES)}, all.")
    ] = "open",
    topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
    reason_is: Annotated[str | None, typer.Option(help="Only for this reason.")] = None,
    casino: Annotated[UUID | None, typer.Option(help="Only of this casino.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=read_time, metavar="TIME", help="Filed then or later.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Print dead letters, newest first; nothing of what the records hold."""

    async def read() -> list[Letter]:
        async with operator_reading(operator_url(load_settings())) as connection:
            return await list_letters(
                connection,
                status=None if status == "all" else status,
                topic=topic,
                reason=reason_is,
                casino_id=casino,
                since=since,
                limit=limit,
            )

    rows = [as_row(letter) for letter in asyncio.run(read())]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS)


@dlq.command("show")
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="The letter's id.")],
    *,
    payload: Annotated[
        bool, typer.Option("--payload", help="The record's bytes too; they are personal data.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print all about a letter; for a conflict of facts both sets, and how to settle it."""
    settings = load_settings()

    async def read() -> WholeLetter:
        async with operator_reading(operator_url(settings)) as connection:
            return _found(await read_letter(connection, letter_id), letter_id)

    letter = asyncio.run(read())
    conflict = asyncio.run(read_conflict(operator_url(settings), letter))
    if as_json:
        print_json(letter_document(letter, conflict, payload=payload))
    else:
        for line in letter_lines(letter, conflict, payload=payload):
            print_line(line)


def _found(letter: WholeLetter | None, letter_id: int) -> WholeLetter:
    if letter is None:
        all_of_them = "`loyalty dlq list --status all`"
        raise CommandError(REFUSED, f"there is no dead letter {letter_id}; see {all_of_them}")
    return letter
