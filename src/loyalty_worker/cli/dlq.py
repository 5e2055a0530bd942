"""`loyalty dlq list|show|discard|quarantine|purge`; `redrive` is a module of its own."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.cli.exits import REFUSED, USAGE, CommandError
from loyalty_worker.cli.letter_view import letter_document, letter_lines, read_conflict
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    confirm,
    operator_url,
    read_time,
)
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows
from loyalty_worker.cli.redrive import redrive
from loyalty_worker.database import operator_records
from loyalty_worker.database.operator import operator_reading, operator_transaction
from loyalty_worker.database.operator_records import Letter, WholeLetter, list_letters, read_letter
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.publishing.log_reader import record_at
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

dlq = typer.Typer(help="Dead letters: what could not be posted.", no_args_is_help=True)
dlq.command("redrive")(redrive)

_STATUSES = ("open", "resolved", "redriven", "discarded")
_AGE = re.compile(r"(\d{1,5})([dh])")
_UNITS = {"d": "days", "h": "hours"}
_COLUMNS = list(Letter.__slots__)


def _status(text: str) -> str:
    if text not in (*_STATUSES, "all"):
        raise typer.BadParameter(f"one of {', '.join(_STATUSES)}, all")
    return text


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write it as 30d or 12h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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


@dlq.command("discard")
def discard(
    ids: Annotated[list[int], typer.Argument(metavar="ID…", help="The letters' ids.")],
    *,
    reason: ReasonOption,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Close open letters for good; their records will not be posted."""
    url = operator_url(load_settings())
    confirm([f"discard dead letter {one}, as {actor}: {reason}" for one in ids], yes=yes)

    async def do() -> int:
        async with operator_transaction(url, (), actor) as connection:
            return await operator_records.discard_letters(connection, ids, reason)

    discarded = asyncio.run(do())
    if as_json:
        print_json({"discarded": discarded})
    else:
        print_line(f"{discarded} of {len(ids)} letters discarded; the others were not open")


@dlq.command("quarantine")
def quarantine(
    topic: Annotated[str, typer.Argument(help="The topic of the record.")],
    partition: Annotated[int, typer.Argument(min=0, help="Its partition.")],
    offset: Annotated[int, typer.Argument(min=0, help="Its offset.")],
    *,
    reason: ReasonOption,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set one record aside: the worker counts it as a dead letter and does not try it."""
    settings = load_settings()
    url, group = operator_url(settings), _group(settings, topic)
    at = PartitionId(topic, partition)
    record = asyncio.run(record_at(kafka_client_options(settings), at, offset))
    if record is None:
        raise CommandError(REFUSED, f"there is no record at {at}, offset {offset}")
    confirm([f"set aside the record at {at}, offset {offset}, as {actor}: {reason}"], yes=yes)

    async def do() -> int:
        async with operator_transaction(url, (), actor) as connection:
            return await operator_records.quarantine_record(connection, group, record, reason)

    letter = asyncio.run(do())
    if as_json:
        print_json({"id": letter, "topic": topic, "partition": partition, "offset": offset})
    else:
        print_line(f"the record is dead letter {letter}; `loyalty resume {topic}` ends a halt")


@dlq.command("purge")
def purge(
    *,
    older_than: Annotated[
        timedelta,
        typer.Option(parser=_age, metavar="AGE", help="Closed longer ago than that: 30d, 12h."),
    ],
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Empty the bytes of closed letters and settled parked events: they are personal data."""
    url = operator_url(load_settings())
    confirm(
        [f"empty the bytes of what was settled more than {older_than} ago, as {actor}"], yes=yes
    )

    async def do() -> tuple[int, int]:
        async with operator_transaction(url, (), actor) as connection:
            return await operator_records.purge_stored_records(connection, older_than)

    letters, parked = asyncio.run(do())
    if as_json:
        print_json({"letters": letters, "parked": parked})
    else:
        print_line(f"{letters} letters and {parked} parked events are without bytes now")


def _found(letter: WholeLetter | None, letter_id: int) -> WholeLetter:
    if letter is None:
        raise CommandError(REFUSED, f"there is no dead letter {letter_id}")
    return letter


def _group(settings: Settings, topic: str) -> str:
    groups = settings.consumer_groups
    if topic not in groups:
        raise CommandError(USAGE, f"{topic} is no topic that is consumed: {', '.join(groups)}")
    return groups[topic]
