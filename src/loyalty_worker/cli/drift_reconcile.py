"""`loyalty drift reconcile`: sets cached balances to what the entries say, audited."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import asyncpg
import typer

from loyalty_worker.cli.exits import PROBLEM_FOUND, USAGE, CommandError
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    operator_url,
)
from loyalty_worker.cli.output import print_json, print_rows, say
from loyalty_worker.database.operator import operator_reading, operator_transaction
from loyalty_worker.database.operator_drift import drifting_players
from loyalty_worker.database.operator_drift import reconcile as reconcile_player
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.settings import load_settings

_COLUMNS = ["casino_id", "player_id", "old_balance", "new_balance", "result"]


class _OnlyShownError(Exception):
    """Rolls a transaction back whose outcome was only to be shown."""


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
    needs a person with a backup.
    """
    if run is None and (player_id is None or casino is None):
        raise CommandError(USAGE, "name PLAYER_ID and --casino, or a --run of the drift check")
    if run is not None and (player_id is not None or casino is not None):
        raise CommandError(USAGE, "--run takes all its players: leave PLAYER_ID and --casino out")
    url = operator_url(load_settings())
    if run is not None:
        players = asyncio.run(_players_of(url, run))
    else:
        assert player_id is not None and casino is not None  # noqa: S101, PT018 - refused above
        players = [(casino, player_id)]
    rows, refused = asyncio.run(_reconcile(url, players, reason, actor, yes=yes))
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS)
    if not yes:
        raise CommandError(USAGE, "nothing was changed; add --yes to do it")
    if refused is not None and run is None:
        raise refused
    if refused is not None:
        raise typer.Exit(PROBLEM_FOUND)


async def _players_of(url: str, run: UUID) -> list[tuple[UUID, UUID]]:
    async with operator_reading(url) as opened:
        return await drifting_players(opened, run)


async def _reconcile(
    url: str, players: Sequence[tuple[UUID, UUID]], reason: str, actor: str, *, yes: bool
) -> tuple[list[dict[str, object]], LoyaltyRefusedError | None]:
    """Reconcile each player in a transaction of its own; return rows, and the last refusal."""
    rows: list[dict[str, object]] = []
    refused: LoyaltyRefusedError | None = None
    for casino_id, player_id in players:
        row: dict[str, object] = dict.fromkeys(_COLUMNS)
        row |= {"casino_id": casino_id, "player_id": player_id}
        try:
            async with operator_transaction(url, [casino_id], actor) as opened:
                row |= await _one(opened, casino_id, player_id, reason)
                _keep_only_if(yes=yes)
        except _OnlyShownError:
            row["result"] = f"would be: {row['result']}"
        except LoyaltyRefusedError as error:
            refused = error
            row["result"] = f"refused: {error.refusal.name}"
            say(str(error))
        rows.append(row)
    return rows, refused


def _keep_only_if(*, yes: bool) -> None:
    if not yes:
        raise _OnlyShownError


async def _one(
    opened: asyncpg.Connection, casino_id: UUID, player_id: UUID, reason: str
) -> dict[str, object]:
    done = await reconcile_player(opened, casino_id, player_id, reason)
    return {
        "old_balance": done.old_balance,
        "new_balance": done.new_balance,
        "result": "reconciled" if done.drift_detected else "was right",
    }
