"""`loyalty drift reconcile`: sets cached balances to what the entries say, audited."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from loyalty_worker.cli.drift_repair import (
    ALREADY_RIGHT,
    ENTRIES_MAY_BE_MISSING,
    LEFT,
    Repair,
    Repairer,
)
from loyalty_worker.cli.exits import PROBLEM_FOUND, USAGE, CommandError
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    operator_url,
)
from loyalty_worker.cli.output import as_row, print_json, print_rows, say
from loyalty_worker.settings import load_settings

_NOT_CHANGED = "nothing was changed; add --yes to do it"


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
    repair, refused = asyncio.run(repairer.one(casino_id, player_id))
    _print([repair], as_json=as_json)
    if repair.warning is not None:
        say(
            f"the cache counts {repair.old_entries} entries, the ledger has {repair.new_entries}:"
            f" {ENTRIES_MAY_BE_MISSING}; `loyalty audit coverage` and a backup show whether"
        )
    if refused is not None:
        raise refused
    if not repairer.yes and repair.result != ALREADY_RIGHT:
        raise CommandError(USAGE, _NOT_CHANGED)


def _reconcile_run(run: UUID, repairer: Repairer, *, as_json: bool) -> None:
    repairs, refusals = asyncio.run(repairer.all_of(run))
    _print(repairs, as_json=as_json)
    for sentence in dict.fromkeys(str(refused) for refused in refusals):
        say(sentence)
    left = sum(repair.result == LEFT for repair in repairs)
    if left:
        say(
            f"{left} of {len(repairs)} players are left as they are, for their caches count more"
            f" entries than the ledger has: {ENTRIES_MAY_BE_MISSING}; `loyalty audit coverage` and"
            " a backup show whether; then name the player by PLAYER_ID and --casino"
        )
    if not repairs:
        say(f"the drift check {run} has no finding that is open")
    elif not repairer.yes:
        raise CommandError(USAGE, _NOT_CHANGED)
    if left or refusals:
        raise typer.Exit(PROBLEM_FOUND)


def _print(repairs: Sequence[Repair], *, as_json: bool) -> None:
    rows = [as_row(repair) for repair in repairs]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows, list(Repair.__slots__))
