"""Requests of the model, made to the database through the gateways of its logins."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import asyncpg

from ledgermodel import SERVICE, Accrue, Actor, CasinoRules, Move, Promote, Request, Reverse
from loyalty_worker.database.functions import ReconcileFunction
from loyalty_worker.database.gateways import (
    ServiceTransaction,
    StaffContext,
    StaffTransaction,
    service_transaction,
    staff_transaction,
)
from loyalty_worker.database.operator import set_casino_settings, set_scope
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Session: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

_ACQUIRE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a request that was granted returned."""

    ledger_id: UUID
    points_delta: int
    balance_after: int
    is_existing: bool
    overdraw: bool = False


@dataclass(frozen=True, slots=True)
class LedgerClient:
    """Asks as whoever acts, each request in a transaction of its own."""

    staff: "Pool"
    worker: "Pool"
    operator: "Pool"

    async def ask(self, actor: Actor, request: Request) -> Done | Refusal:
        """Make one request."""
        try:
            if actor.staff_id is None:
                async with service_transaction(
                    self.worker, [actor.casino_id], "model", _ACQUIRE_SECONDS
                ) as service:
                    return await _accrual(service, request)
            context = StaffContext(actor.staff_id, actor.casino_id, actor.role, "model")
            async with staff_transaction(self.staff, context, _ACQUIRE_SECONDS) as staff:
                if isinstance(request, Accrue | Promote):
                    return await _accrual(staff, request)
                return await _points(staff, request)
        except LoyaltyRefusedError as error:
            return error.refusal

    async def reconcile(self, actor: Actor, player_id: UUID) -> tuple[int, int, bool] | Refusal:
        """Reconcile a player's balance at the actor's casino; return before, after, and drift."""
        at = {"player_id": player_id, "casino_id": actor.casino_id}
        try:
            if actor.staff_id is None:
                async with self._operating(actor.casino_id) as connection:
                    mended = await ReconcileFunction(connection).reconcile_loyalty_balance(**at)
            else:
                context = StaffContext(actor.staff_id, actor.casino_id, actor.role, "model")
                async with staff_transaction(self.staff, context, _ACQUIRE_SECONDS) as staff:
                    mended = await staff.reconcile_loyalty_balance(**at)
        except LoyaltyRefusedError as error:
            return error.refusal
        return mended.old_balance, mended.new_balance, mended.drift_detected

    async def change_rules(self, casino_id: UUID, rules: CasinoRules) -> None:
        """Set a casino's caps and whether it accrues, as the operator."""
        settings = {
            "max_overdraw_points_per_redeem": rules.max_overdraw,
            "max_redeem_points_per_txn": rules.max_redeem,
            "accrual_enabled": rules.accrual_enabled,
        }
        async with self._operating(casino_id) as connection:
            await set_casino_settings(connection, casino_id, settings)

    @asynccontextmanager
    async def _operating(self, casino_id: UUID) -> AsyncIterator["Session"]:
        async with self.operator.acquire() as connection, connection.transaction():
            await set_scope(connection, [casino_id])
            yield connection


async def _accrual(functions: ServiceTransaction | StaffTransaction, request: Request) -> Done:
    if isinstance(request, Accrue):
        accrued = await functions.accrue_on_close(
            rating_slip_id=request.rating_slip_id,
            casino_id=request.casino_id,
            idempotency_key=request.key,
        )
        return Done(
            accrued.ledger_id, accrued.points_delta, accrued.balance_after, accrued.is_existing
        )
    assert isinstance(request, Promote), f"{SERVICE} asks for accruals and promotions"
    promoted = await functions.apply_promotion(
        casino_id=request.casino_id,
        rating_slip_id=request.rating_slip_id,
        campaign_id=request.campaign_id,
        idempotency_key=request.key,
        promo_multiplier=request.multiplier,
        bonus_points=request.bonus,
    )
    return Done(
        promoted.ledger_id,
        promoted.promo_points_delta,
        promoted.balance_after,
        promoted.is_existing,
    )


async def _points(staff: StaffTransaction, request: Move | Reverse) -> Done:
    if isinstance(request, Reverse):
        entry = await staff.reverse_ledger_entry(
            casino_id=request.casino_id,
            ledger_id=request.ledger_id,
            staff_id=request.staff_id,
            note=request.note,
            idempotency_key=request.key,
        )
    elif request.reason == "manual_reward":
        entry = await staff.manual_credit(
            casino_id=request.casino_id,
            player_id=request.player_id,
            points=request.points,
            staff_id=request.staff_id,
            note=request.note,
            idempotency_key=request.key,
        )
    elif request.reason == "adjustment":
        entry = await staff.adjust_points(
            casino_id=request.casino_id,
            player_id=request.player_id,
            points_delta=request.points,
            staff_id=request.staff_id,
            note=request.note,
            idempotency_key=request.key,
        )
    else:
        return await _redeem(staff, request)
    return Done(entry.ledger_id, entry.points_delta, entry.balance_after, entry.is_existing)


async def _redeem(staff: StaffTransaction, request: Move) -> Done:
    comp = await staff.redeem(
        casino_id=request.casino_id,
        player_id=request.player_id,
        points=request.points,
        staff_id=request.staff_id,
        note=request.note,
        idempotency_key=request.key,
        allow_overdraw=request.allow_overdraw,
    )
    assert comp.balance_before + comp.points_delta == comp.balance_after
    return Done(
        comp.ledger_id,
        comp.points_delta,
        comp.balance_after,
        comp.is_existing,
        comp.overdraw_applied,
    )


@asynccontextmanager
async def ledger_client(database: DatabaseUrls, connections: int) -> AsyncIterator[LedgerClient]:
    """Give a client with so many connections of the staff gateway and of the worker."""
    async with AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(
                asyncpg.create_pool(url, min_size=connections, max_size=connections)
            )
            for url in (database.staff_gateway, database.worker, database.operator)
        ]
        yield LedgerClient(*pools)
