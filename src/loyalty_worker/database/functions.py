"""The ledger's single-event functions, one method each, grouped by who may call them.

All work on one connection whose transaction has a context (`gateways`). Each raises
`LoyaltyRefusedError`, after which the transaction is lost, or `Fault`. Each that posts takes an
idempotency key: the same request again returns the entry it made, with `is_existing`. Arguments
are named: ids that stood in the wrong order would all have the right type.
"""

from decimal import Decimal
from uuid import UUID

import asyncpg

from loyalty_worker.database.refused import LoyaltyRefusedError, refusals
from loyalty_worker.database.results import (
    Accrual,
    DriftFinding,
    Promotion,
    Reconciliation,
)
from loyalty_worker.database.types import Connection
from loyalty_worker.ports import Fault


class LedgerFunctions:
    """What all groups share: the connection, and how a function is called."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.refused: LoyaltyRefusedError | None = None

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            with refusals():
                return list(await self._connection.fetch(query, *arguments))
        except LoyaltyRefusedError as error:
            self.refused = error
            raise

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record:
        rows = await self._rows(query, *arguments)
        if len(rows) != 1:
            raise Fault("database_error")
        return rows[0]


class AccrualFunctions(LedgerFunctions):
    """For the service, a pit boss or an administrator."""

    async def accrue_on_close(
        self, *, rating_slip_id: UUID, casino_id: UUID, idempotency_key: UUID | None
    ) -> Accrual:
        """Post the base points of a slip that stands closed in the database."""
        row = await self._row(
            "SELECT ledger_id, points_delta, theo, balance_after, is_existing"
            " FROM rpc_accrue_on_close($1, $2, $3)",
            rating_slip_id,
            casino_id,
            idempotency_key,
        )
        return Accrual(**dict(row))

    async def apply_promotion(
        self,
        *,
        casino_id: UUID,
        rating_slip_id: UUID,
        campaign_id: str,
        idempotency_key: UUID | None,
        promo_multiplier: Decimal | None = None,
        bonus_points: int | None = None,
    ) -> Promotion:
        """Post a campaign's points on top of an accrued slip; exactly one of the terms is given."""
        row = await self._row(
            "SELECT ledger_id, promo_points_delta, balance_after, is_existing"
            " FROM rpc_apply_promotion($1, $2, $3, $4, $5, $6)",
            casino_id,
            rating_slip_id,
            campaign_id,
            promo_multiplier,
            bonus_points,
            idempotency_key,
        )
        return Promotion(**dict(row))


class ReconcileFunction(LedgerFunctions):
    """For an administrator or an operator."""

    async def reconcile_loyalty_balance(
        self, *, player_id: UUID, casino_id: UUID
    ) -> Reconciliation:
        """Set a cached balance to what the entries say, audited; a damaged ledger is refused."""
        row = await self._row(
            "SELECT old_balance, new_balance, drift_detected"
            " FROM rpc_reconcile_loyalty_balance($1, $2)",
            player_id,
            casino_id,
        )
        return Reconciliation(**dict(row))


class DriftFunction(LedgerFunctions):
    """For the service, an operator or the read-only login."""

    async def check_loyalty_balance_drift(
        self, casino_id: UUID | None = None, drift_threshold: int = 0
    ) -> list[DriftFinding]:
        """Return where cached balances and entries disagree, largest first; None is all casinos.

        `drift_threshold` (strictly greater) applies to kind `balance` alone.
        """
        rows = await self._rows(
            "SELECT casino_id, player_id, current_balance, computed_balance, drift,"
            " ledger_entry_count, last_ledger_update, kind"
            " FROM check_loyalty_balance_drift($1, $2)",
            casino_id,
            drift_threshold,
        )
        return [DriftFinding(**dict(row)) for row in rows]
