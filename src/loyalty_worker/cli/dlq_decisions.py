"""`loyalty dlq discard|quarantine|purge`: what a person decides about letters, audited."""

import asyncio
import re
from datetime import timedelta
from typing import Annotated

import typer

from loyalty_worker.cli.checks import group_of
from loyalty_worker.cli.exits import REFUSED, CommandError
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    confirm,
    operator_url,
)
from loyalty_worker.cli.output import print_json, print_line
from loyalty_worker.database import operator_letters
from loyalty_worker.database.operator import operator_transaction
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import resume_command
from loyalty_worker.publishing.log_reader import record_at
from loyalty_worker.settings import load_settings
from loyalty_worker.settings.kafka import kafka_client_options

_AGE = re.compile(r"(\d{1,5})([dh])")
_UNITS = {"d": "days", "h": "hours"}


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write it as 30d or 12h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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
    ids = sorted(set(ids))
    confirm([f"discard dead letter {one}, as {actor}: {reason}" for one in ids], yes=yes)

    async def do() -> int:
        async with operator_transaction(url, (), actor) as connection:
            return await operator_letters.discard_letters(connection, ids, reason)

    discarded = asyncio.run(do())
    if as_json:
        print_json({"discarded": discarded})
    else:
        rest = "" if discarded == len(ids) else f"; {len(ids) - discarded} were not open"
        print_line(f"{discarded} letters discarded{rest}")


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
    url, group = operator_url(settings), group_of(settings, topic)
    at = PartitionId(topic, partition)
    record = asyncio.run(record_at(kafka_client_options(settings), at, offset))
    if record is None:
        raise CommandError(
            REFUSED,
            f"there is no record at {at}, offset {offset}: it expired, was compacted away or was"
            " never written; check partition and offset",
        )
    confirm([f"set aside the record at {at}, offset {offset}, as {actor}: {reason}"], yes=yes)

    async def do() -> int:
        async with operator_transaction(url, (), actor) as connection:
            return await operator_letters.quarantine_record(connection, group, record, reason)

    letter = asyncio.run(do())
    if as_json:
        print_json({"id": letter, "topic": topic, "partition": partition, "offset": offset})
    else:
        print_line(f"the record is dead letter {letter}; {resume_command(topic)} ends a halt")


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
            return await operator_letters.purge_stored_records(connection, older_than)

    letters, parked = asyncio.run(do())
    if as_json:
        print_json({"letters": letters, "parked": parked})
    else:
        print_line(f"{letters} letters and {parked} parked events are without bytes now")
