"""`loyalty drift reconcile`: sets cached balances to what the entries say, audited."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any
from uuid import UUID

import typer

from loyalty_worker.cli.drift_repair import (
    ALREADY_RIGHT,
    ENTRIES_MAY_BE_MISSING,
    LEFT,
    Repair,
    Repairer,
    Repairs,
)
from loyalty_worker.cli.exits import PROBLEM_FOUND, USAGE, CommandError
from loyalty_worker.cli.options import (
    NOT_CHANGED,
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    operator_url,
)
from loyalty_worker.cli.output import as_row, print_json, print_rows, say
from loyalty_worker.settings import load_settings


def reconcile(
    player_id: Annotated[UUID | None, typer.Argument(help="The player's id.")] = None,
    *,
    casino: Annotated[UUID | None, typer.Option("--casino", help="The casino's id.")] = None,
    run: Annotated[
        UUID | None, typer.Option("--run", help="All players that this run found, one by one.")
    ] = None,
    reason: ReasonOption,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set cached balances to what the ledger's entries say.

    Without --yes everything is tried, shown and rolled back. A damaged ledger is refused: that
    needs a person with a backup. Where a cache counts more entries than there are, entries may be
    missing: --run leaves such a player as is, and a player who is named comes with a warning.
    """
    if run is not None and player_id is None and casino is None:
        _reconcile_run(run, _repairer(reason, actor, yes=yes), as_json=as_json)
    elif run is None and player_id is not None and casino is not None:
        _reconcile_one(casino, player_id, _repairer(reason, actor, yes=yes), as_json=as_json)
    else:
        raise CommandError(
            USAGE, "name one player by PLAYER_ID and --casino, or all of a drift check by --run"
        )


def _repairer(reason: str, actor: str, *, yes: bool) -> Repairer:
    return Repairer(operator_url(load_settings()), reason, actor, yes)


def _reconcile_one(casino_id: UUID, player_id: UUID, repairer: Repairer, *, as_json: bool) -> None:
    repairs = Repairs()
    _carry_out(repairer.one(casino_id, player_id, repairs), repairs, as_json=as_json)
    (repair,) = repairs.done.values()
    if repair.warning is not None:
        say(
            f"the cache counts {repair.old_entries} entries, the ledger has {repair.new_entries}:"
            f" {ENTRIES_MAY_BE_MISSING}; `loyalty audit coverage` and a backup show whether"
        )
    for refused in repairs.refusals:
        raise refused
    if not repairer.yes and repair.result != ALREADY_RIGHT:
        raise CommandError(USAGE, NOT_CHANGED)


def _reconcile_run(run: UUID, repairer: Repairer, *, as_json: bool) -> None:
    repairs = Repairs()
    _carry_out(repairer.all_of(run, repairs), repairs, as_json=as_json)
    for sentence in dict.fromkeys(str(refused) for refused in repairs.refusals):
        say(sentence)
    left = sum(repair.result == LEFT for repair in repairs.done.values())
    if left:
        say(
            f"{left} of {repairs.players} players are left as they are, for their caches count more"
            f" entries than the ledger has: {ENTRIES_MAY_BE_MISSING}; `loyalty audit coverage` and"
            " a backup show whether; then name the player by PLAYER_ID and --casino"
        )
    if not repairs.players:
        say(f"the drift check {run} has no finding that is open")
    elif not repairer.yes:
        raise CommandError(USAGE, NOT_CHANGED)
    if left or repairs.refusals:
        raise typer.Exit(PROBLEM_FOUND)


def _carry_out(work: Coroutine[Any, Any, None], repairs: Repairs, *, as_json: bool) -> None:
    """Do it, and print what was done, also where a failure or Ctrl-C ends it early."""
    try:
        asyncio.run(work)
    except BaseException:
        if repairs.players:
            say(
                f"ended after {len(repairs.done)} of {repairs.players} players;"
                " run the command again for the rest"
            )
            _print(repairs, as_json=as_json)
        raise
    _print(repairs, as_json=as_json)


def _print(repairs: Repairs, *, as_json: bool) -> None:
    rows = [as_row(repair) for repair in repairs.done.values()]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows, list(Repair.__slots__))
