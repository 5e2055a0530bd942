"""What `loyalty drift reconcile` does: each player in a transaction that is kept or rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from loyalty_worker.application.conflicts import conflict_retries
from loyalty_worker.cli.checks import require_run
from loyalty_worker.cli.progress import Progress
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_reconcile import (
    Reconciliations,
    drifting_players,
    lock_cache,
    reconcile,
    reconciliations,
)
from loyalty_worker.database.refused import LoyaltyRefusedError

LEFT = "left"
ALREADY_RIGHT = "already right"
_NOT_KNOWN = "not known"
ENTRIES_MAY_BE_MISSING = "entries may be missing"


class _NotKeptError(Exception):
    """Rolls back a transaction whose outcome was only to be seen."""


@dataclass(slots=True)
class Repair:
    """What became, or would become, of one player's cache; None where there is none."""

    casino_id: UUID
    player_id: UUID
    old_balance: int | None = None
    new_balance: int | None = None
    old_entries: int | None = None
    new_entries: int | None = None
    result: str = ""
    warning: str | None = None


@dataclass(slots=True)
class Repairs:
    """What was done so far, of how many players: it can be shown whatever ends the work."""

    players: int = 0
    done: dict[tuple[UUID, UUID], Repair] = field(default_factory=dict)
    refusals: list[LoyaltyRefusedError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Repairer:
    """Reconciles in the operator's name; keeps nothing without `yes`.

    Each method adds to its `repairs` player by player, and raises `DatabaseUnavailable` and
    `Fault`; what is there by then is kept.
    """

    url: str
    reason: str
    actor: str
    yes: bool

    async def one(self, casino_id: UUID, player_id: UUID, repairs: Repairs) -> None:
        """Reconcile a player, also where the cache counts more entries than there are."""
        await self._each([(casino_id, player_id)], repairs, also_fewer=True)

    async def all_of(self, run: UUID, repairs: Repairs) -> None:
        """Reconcile each player of a drift check; one whose entries may be missing is left.

        An entry that is gone from the end leaves a whole ledger: only the cache still tells.
        """
        await self._each(await self._players_of(run), repairs, also_fewer=False)

    async def _players_of(self, run: UUID) -> Sequence[tuple[UUID, UUID]]:
        async with operator_reading(self.url) as opened:
            await require_run(opened, run)
            return await drifting_players(opened, run)

    async def _each(
        self, players: Sequence[tuple[UUID, UUID]], repairs: Repairs, *, also_fewer: bool
    ) -> None:
        progress = Progress()
        async with reconciliations(self.url, self.actor, self.reason) as opened:
            repairs.players = len(players)
            for casino_id, player_id in players:
                async for attempt in conflict_retries():
                    with attempt:
                        repair = Repair(casino_id, player_id)
                        await self._reconcile(opened, repair, repairs, also_fewer=also_fewer)
                progress(f"{len(repairs.done)} of {len(players)} players")

    async def _reconcile(
        self, opened: Reconciliations, repair: Repair, repairs: Repairs, *, also_fewer: bool
    ) -> None:
        key = repair.casino_id, repair.player_id
        try:
            async with opened.transaction(repair.casino_id) as transaction:
                result = await self._try(transaction, repair)
                if repair.warning is not None and not also_fewer:
                    result = LEFT
                _keep_only_if(self.yes and result != LEFT)
                # until the commit is acknowledged
                repair.result = _NOT_KNOWN
                repairs.done[key] = repair
        except _NotKeptError:
            pass
        except LoyaltyRefusedError as error:
            result = f"refused: {error.refusal.name}"
            repairs.refusals.append(error)
        repair.result = result
        repairs.done[key] = repair

    async def _try(self, opened: asyncpg.Connection, repair: Repair) -> str:
        old = await lock_cache(opened, repair.casino_id, repair.player_id)
        if old is not None:
            repair.old_balance, repair.old_entries = old.balance, old.entries
        done = await reconcile(opened, repair.casino_id, repair.player_id)
        repair.new_balance, repair.new_entries = done.cache.balance, done.cache.entries
        if old is not None and old.entries > done.cache.entries:
            repair.warning = ENTRIES_MAY_BE_MISSING
        if not done.drift_detected:
            return ALREADY_RIGHT
        return "reconciled" if self.yes else "would be reconciled"


def _keep_only_if(kept: bool) -> None:  # noqa: FBT001 - the name says what it means
    if not kept:
        raise _NotKeptError
