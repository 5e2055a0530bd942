"""`loyalty dlq redrive`: tries dead letters again, once their cause is mended."""

import asyncio
import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from loyalty_worker.application.redrive import Redrive
from loyalty_worker.cli.exits import PROBLEM_FOUND
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    YesOption,
    confirm,
    operator_url,
    read_time,
)
from loyalty_worker.cli.output import print_json, print_line, print_rows, say
from loyalty_worker.cli.posting import outcome_rows, posting, say_failure
from loyalty_worker.database.operator import operator_transaction
from loyalty_worker.database.operator_letters import audit
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.ports import Fault, LetterFilter, Released, StoredRecord
from loyalty_worker.settings import Settings, load_settings

_COLUMNS = ["topic", "outcome", "reason", "records", "points"]


def redrive(
    *,
    ids: Annotated[
        list[int] | None, typer.Option("--id", help="Only this letter; may be given again.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
    reason_is: Annotated[str | None, typer.Option(help="Only for this reason.")] = None,
    casino: Annotated[UUID | None, typer.Option(help="Only of this casino.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=read_time, metavar="TIME", help="Filed then or later.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="At most so many records a second.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Roll everything back, and say what would be.")
    ] = False,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try open dead letters again, once each; interrupted, it goes on when run again."""
    settings = load_settings()
    url = operator_url(settings)
    wanted = LetterFilter(ids or None, topic, reason_is, casino, since)
    if not dry_run:
        confirm([f"redrive open dead letters ({_narrowed(wanted)}), as {actor}"], yes=yes)
    released: list[Released] = []
    try:
        failed = asyncio.run(
            _redrive(settings, url, wanted, rate, actor, released=released, dry_run=dry_run)
        )
    except BaseException:
        if released:
            say("ended early; run the command again for the rest")
            _print(released, as_json=as_json, dry_run=dry_run)
        raise
    _print(released, as_json=as_json, dry_run=dry_run)
    if failed or any(one.outcome.outcome is Outcome.DEAD_LETTERED for one in released):
        raise typer.Exit(PROBLEM_FOUND)


def _print(released: list[Released], *, as_json: bool, dry_run: bool) -> None:
    rows = outcome_rows(released)
    if as_json:
        print_json(rows)
        return
    print_rows(rows, _COLUMNS)
    if dry_run:
        print_line(
            "an upper bound, and nothing was changed:"
            " what depends on an earlier batch was judged without it"
        )


async def _redrive(
    settings: Settings,
    url: str,
    wanted: LetterFilter,
    rate: float | None,
    actor: str,
    *,
    released: list[Released],
    dry_run: bool,
) -> int:
    """Add what becomes of each record to `released`; return how many failed for no known reason."""
    failed = 0

    def on_failure(stored: StoredRecord, fault: Fault) -> None:
        nonlocal failed
        failed += 1
        say_failure(stored, fault)

    if not dry_run:
        await _audit(url, actor, "redrive_begin", _details(wanted))
    complete = False
    try:
        async with posting(settings) as parts:
            redriven = Redrive(parts.ledger, parts.stored, parts.decoder, on_failure)(
                wanted, dry_run=dry_run
            )
            async for group in redriven:
                released.extend(group)
                say(f"{len(released)} records tried")
                if rate is not None:
                    await asyncio.sleep(len(group) / rate)
        complete = True
    finally:
        if not dry_run:
            counts = {"outcomes": outcome_rows(released), "failed": failed, "complete": complete}
            await _audit(url, actor, "redrive_end", _details(wanted) | counts)
    return failed


async def _audit(url: str, actor: str, action: str, details: dict[str, Any]) -> None:
    async with operator_transaction(url, (), actor) as connection:
        await audit(connection, "dead_letter", action, json.dumps(details))


def _details(wanted: LetterFilter) -> dict[str, Any]:
    given = {
        "ids": None if wanted.ids is None else list(wanted.ids),
        "topic": wanted.topic,
        "reason_is": wanted.reason,
        "casino_id": None if wanted.casino_id is None else str(wanted.casino_id),
        "since": None if wanted.since is None else wanted.since.isoformat(),
    }
    return {name: value for name, value in given.items() if value is not None}


def _narrowed(wanted: LetterFilter) -> str:
    return ", ".join(f"{name} {value}" for name, value in _details(wanted).items()) or "all"
