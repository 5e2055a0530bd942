"""What `loyalty drift reconcile` does: each player in a transaction that is kept or rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from loyalty_worker.cli.exits import REFUSED, CommandError
from loyalty_worker.database.operator import operator_reading, operator_transaction
from loyalty_worker.database.operator_drift import run_exists
from loyalty_worker.database.operator_reconcile import drifting_players, lock_cache, reconcile
from loyalty_worker.database.refused import LoyaltyRefusedError

LEFT = "left"
ALREADY_RIGHT = "already right"
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


@dataclass(frozen=True, slots=True)
class Repairer:
    """Reconciles in the operator's name; keeps nothing without `yes`."""

    url: str
    reason: str
    actor: str
    yes: bool

    async def one(
        self, casino_id: UUID, player_id: UUID
    ) -> tuple[Repair, LoyaltyRefusedError | None]:
        """Reconcile a player, also where the cache counts more entries than there are."""
        return await self._reconcile(casino_id, player_id, also_fewer=True)

    async def all_of(self, run: UUID) -> tuple[list[Repair], list[LoyaltyRefusedError]]:
        """Reconcile each player of a drift check; one whose entries may be missing is left.

        An entry that is gone from the end leaves a whole ledger: only the cache still tells.
        """
        repairs: list[Repair] = []
        refusals: list[LoyaltyRefusedError] = []
        for casino_id, player_id in await self._players_of(run):
            repair, refused = await self._reconcile(casino_id, player_id, also_fewer=False)
            repairs.append(repair)
            if refused is not None:
                refusals.append(refused)
        return repairs, refusals

    async def _players_of(self, run: UUID) -> Sequence[tuple[UUID, UUID]]:
        async with operator_reading(self.url) as opened:
            if not await run_exists(opened, run):
                raise CommandError(
                    REFUSED, f"there is no drift check {run}; `loyalty drift list --runs` shows all"
                )
            return await drifting_players(opened, run)

    async def _reconcile(
        self, casino_id: UUID, player_id: UUID, *, also_fewer: bool
    ) -> tuple[Repair, LoyaltyRefusedError | None]:
        repair = Repair(casino_id, player_id)
        try:
            async with operator_transaction(self.url, [casino_id], self.actor) as opened:
                await self._try(opened, repair)
                if repair.warning is not None and not also_fewer:
                    repair.result = LEFT
                _keep_only_if(self.yes and repair.result != LEFT)
        except _NotKeptError:
            pass
        except LoyaltyRefusedError as error:
            repair.result = f"refused: {error.refusal.name}"
            return repair, error
        return repair, None

    async def _try(self, opened: asyncpg.Connection, repair: Repair) -> None:
        old = await lock_cache(opened, repair.casino_id, repair.player_id)
        if old is not None:
            repair.old_balance, repair.old_entries = old.balance, old.entries
        done = await reconcile(opened, repair.casino_id, repair.player_id, self.reason)
        repair.new_balance, repair.new_entries = done.cache.balance, done.cache.entries
        if old is not None and old.entries > done.cache.entries:
            repair.warning = ENTRIES_MAY_BE_MISSING
        if not done.drift_detected:
            repair.result = ALREADY_RIGHT
        else:
            repair.result = "reconciled" if self.yes else "would be reconciled"


def _keep_only_if(kept: bool) -> None:  # noqa: FBT001 - the name says what it means
    if not kept:
        raise _NotKeptError
