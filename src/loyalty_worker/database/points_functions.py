"""The ledger's functions by which people move points: redeem, credit, adjust, reverse."""

from uuid import UUID

from loyalty_worker.database.functions import LedgerFunctions
from loyalty_worker.database.results import PointsEntry, Redemption


class PointsFunctions(LedgerFunctions):
    """For people; `staff_id` must be the person who acts. Which role may what: the specification.

    `note` explains the entry to whoever reads the statement, and may not be blank.
    """

    async def redeem(
        self,
        *,
        casino_id: UUID,
        player_id: UUID,
        points: int,
        staff_id: UUID,
        note: str,
        idempotency_key: UUID | None,
        allow_overdraw: bool = False,
        reward_id: UUID | None = None,
        reference: str | None = None,
    ) -> Redemption:
        """Spend points on a comp; `points` is positive."""
        row = await self._row(
            "SELECT ledger_id, points_delta, balance_before, balance_after, overdraw_applied,"
            " is_existing FROM rpc_redeem($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            casino_id,
            player_id,
            points,
            staff_id,
            note,
            idempotency_key,
            allow_overdraw,
            reward_id,
            reference,
        )
        return Redemption(**dict(row))

    async def manual_credit(
        self,
        *,
        casino_id: UUID,
        player_id: UUID,
        points: int,
        staff_id: UUID,
        note: str,
        idempotency_key: UUID | None,
    ) -> PointsEntry:
        """Give goodwill points; `points` is positive."""
        return await self._points_entry(
            "rpc_manual_credit", casino_id, player_id, points, staff_id, note, idempotency_key
        )

    async def adjust_points(
        self,
        *,
        casino_id: UUID,
        player_id: UUID,
        points_delta: int,
        staff_id: UUID,
        note: str,
        idempotency_key: UUID | None,
    ) -> PointsEntry:
        """Put a balance right, up or down; it may go below zero."""
        return await self._points_entry(
            "rpc_adjust_points", casino_id, player_id, points_delta, staff_id, note, idempotency_key
        )

    async def reverse_ledger_entry(
        self,
        *,
        casino_id: UUID,
        ledger_id: UUID,
        staff_id: UUID,
        note: str,
        idempotency_key: UUID | None,
    ) -> PointsEntry:
        """Post the exact opposite of an entry, once; the balance may go below zero."""
        row = await self._row(
            "SELECT ledger_id, points_delta, balance_after, is_existing"
            " FROM rpc_reverse_ledger_entry($1, $2, $3, $4, $5)",
            casino_id,
            ledger_id,
            staff_id,
            note,
            idempotency_key,
        )
        return PointsEntry(**dict(row))

    async def _points_entry(self, function: str, *arguments: object) -> PointsEntry:
        row = await self._row(
            "SELECT ledger_id, points_delta, balance_after, is_existing"  # noqa: S608 - our names
            f" FROM {function}($1, $2, $3, $4, $5, $6)",
            *arguments,
        )
        return PointsEntry(**dict(row))
