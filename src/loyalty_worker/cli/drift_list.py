"""`loyalty drift list`: what the checks found and nobody mended, and the checks themselves."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.cli.checks import require_casino, require_run
from loyalty_worker.cli.exits import USAGE, CommandError
from loyalty_worker.cli.options import CasinoFilter, JsonOption, operator_url
from loyalty_worker.cli.output import as_row, print_json, print_rows, say
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_drift import (
    CheckedCasinos,
    Finding,
    Run,
    checked_casinos,
    list_findings,
    list_runs,
)
from loyalty_worker.settings import load_settings

# A table as wide as a screen; --json has everything.
_FINDING = [
    *("casino_id", "player_id", "kind", "severity", "drift", "current_balance"),
    *("computed_balance", "detected_at"),
]
_OF_A_RUN = [*_FINDING, "reconciled_at"]


def list_all(
    *,
    run: Annotated[UUID | None, typer.Option(help="What this run found, also if mended.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="The runs, newest first.")] = False,
    casino: CasinoFilter = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Print what the newest check of each casino found and nobody mended, gravest first.

    By severity, then by points. A drift is the cached balance less what the entries say; --json
    tells more than the table.
    """
    if runs and (run is not None or casino is not None):
        raise CommandError(USAGE, "--runs shows all runs: leave --run and --casino out")
    url = operator_url(load_settings())
    rows: list[Run] | list[Finding]
    if runs:
        rows, columns = asyncio.run(_runs(url, limit + 1)), list(Run.__slots__)
    elif run is not None:
        rows, columns = asyncio.run(_findings_of(url, run, casino, limit + 1)), _OF_A_RUN
    else:
        rows, checked = asyncio.run(_open_findings(url, casino, limit + 1))
        columns = _FINDING
        _say_how_old(checked, none=not rows)
    if len(rows) > limit:
        say(f"these are the first {limit}; --limit shows more")
    shown = [as_row(one) for one in rows[:limit]]
    if as_json:
        print_json(shown)
    elif shown:
        print_rows(shown, columns)


async def _runs(url: str, limit: int) -> list[Run]:
    async with operator_reading(url) as opened:
        return await list_runs(opened, limit)


async def _findings_of(url: str, run: UUID, casino: UUID | None, limit: int) -> list[Finding]:
    async with operator_reading(url) as opened:
        await require_run(opened, run)
        if casino is not None:
            await require_casino(opened, casino)
        return await list_findings(opened, run_id=run, casino_id=casino, limit=limit)


async def _open_findings(
    url: str, casino: UUID | None, limit: int
) -> tuple[list[Finding], CheckedCasinos]:
    async with operator_reading(url) as opened:
        if casino is not None:
            await require_casino(opened, casino)
        found = await list_findings(opened, run_id=None, casino_id=casino, limit=limit)
        return found, await checked_casinos(opened, casino)


def _say_how_old(checked: CheckedCasinos, *, none: bool) -> None:
    """Say what an answer is worth, so that nothing checked is not taken for nothing wrong."""
    if checked.unchecked:
        say(f"casinos never checked: {checked.unchecked}; `loyalty drift check` does it now")
    if none and checked.since is not None:
        say(f"no drift is open, by checks of {checked.since:%Y-%m-%d %H:%M:%S %Z} or later")
