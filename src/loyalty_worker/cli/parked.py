"""`loyalty parked list|release`."""

import asyncio
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.application.release_parked import ReleaseParked
from loyalty_worker.cli.exits import PROBLEM_FOUND
from loyalty_worker.cli.options import CasinoFilter, JsonOption, YesOption, confirm, operator_url
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows
from loyalty_worker.cli.posting import outcome_rows, posting, say_failure
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_parked import Parked, count_parked, list_parked
from loyalty_worker.domain.outcomes import ParkedCause
from loyalty_worker.ports import Fault, Released, StoredRecord
from loyalty_worker.settings import Settings, load_settings

parked = typer.Typer(
    help="Events that wait: for their slip, or their casino.", no_args_is_help=True
)

_COLUMNS = list(Parked.__slots__)


@parked.command("list")
def list_all(
    *,
    cause: Annotated[ParkedCause | None, typer.Option(help="Only for this cause.")] = None,
    casino: CasinoFilter = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Print events that wait, oldest first; nothing of what the records hold."""

    async def read() -> list[Parked]:
        async with operator_reading(operator_url(load_settings())) as connection:
            return await list_parked(
                connection, cause=cause and cause.value, casino_id=casino, limit=limit
            )

    rows = [as_row(one) for one in asyncio.run(read())]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS)


@parked.command("release")
def release(
    *,
    casino: CasinoFilter = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Post what waits though its cause is gone, as the worker's sweeper does every second."""
    settings = load_settings()
    url = operator_url(settings)
    confirm([f"release events whose cause is gone, of {casino or 'all casinos'}"], yes=yes)
    failed: list[StoredRecord] = []
    released = asyncio.run(_release(settings, casino, failed))
    waiting = asyncio.run(_waiting(url))
    rows = outcome_rows(released)
    if as_json:
        print_json({"released": rows, "waiting": waiting})
    else:
        print_rows(rows, ["topic", "outcome", "reason", "records", "points"])
        for cause, number in waiting.items():
            print_line(f"{number} events wait on: {cause}")
    if failed:
        raise typer.Exit(PROBLEM_FOUND)


async def _release(
    settings: Settings, casino: UUID | None, failed: list[StoredRecord]
) -> list[Released]:
    def on_failure(stored: StoredRecord, fault: Fault) -> None:
        failed.append(stored)
        say_failure(stored, fault)

    async with posting(settings) as parts:
        sweep = ReleaseParked(
            parts.ledger,
            parts.stored,
            parts.decoder,
            timedelta(seconds=settings.parked_expiry_seconds),
            on_failure,
        )
        return await sweep(None if casino is None else [casino])


async def _waiting(url: str) -> dict[str, int]:
    async with operator_reading(url) as connection:
        return await count_parked(connection)
