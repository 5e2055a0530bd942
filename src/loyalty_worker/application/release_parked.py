"""The sweeper's pass: releases whatever is parked though its cause is gone.

An accrual releases the promotions of its slip itself. But of two overlapping transactions each
can miss the other, and a casino that is switched on again posts nothing by itself.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from loyalty_worker.application.stored_records import OnFailure, TryAgain, by_partition
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.ports import Decoder, Ledger, LedgerTransaction, ParkedEvents, Released

_KINDS = ("rating_slip_closed", "promotion")  # slips first: their promotions go with them
_SCANNED = 2_000
_EXPIRED = 500


class ReleaseParked:
    """Passes over all waiting events, each as often as it is called."""

    def __init__(
        self,
        ledger: Ledger,
        parked: ParkedEvents,
        decoder: Decoder,
        expiry: timedelta,
        on_failure: OnFailure,
    ) -> None:
        self._parked = parked
        self._expiry = expiry
        self._release = TryAgain(ledger, decoder, _close, on_failure, parks=False)

    async def __call__(self, casino_ids: Collection[UUID] | None = None) -> list[Released]:
        """Make one pass, of these casinos if given; return what became of each event.

        One that fails alone is reported to `on_failure` and stays parked. Raises `Fault` where
        the database fails; the next pass goes on.
        """
        released: list[Released] = []
        for kind in _KINDS:
            after: int | None = 0
            while after is not None:
                found, after = await self._parked.releasable(kind, after, _SCANNED, casino_ids)
                for group in by_partition(found):
                    released += await self._release(group)
        while await self._parked.expire(self._expiry, _EXPIRED) == _EXPIRED:
            pass
        return released


async def _close(tx: LedgerTransaction, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
    await tx.close_parked_events(closings)
