"""Redrive: tries dead letters again, through the same rules as a live record.

Each transaction posts the records of one partition and closes their letters, so a redrive that
was killed goes on where it was when it is run again, and a second one posts nothing more.
"""

from collections.abc import AsyncIterator, Sequence

from loyalty_worker.application.stored_records import by_partition, try_again
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.ports import (
    DeadLetters,
    Decoder,
    Ledger,
    LedgerTransaction,
    LetterFilter,
    Released,
    StoredRecord,
)

_PAGE = 200


class Redrive:
    """Redrives open letters in the order of their ids."""

    def __init__(self, ledger: Ledger, letters: DeadLetters, decoder: Decoder) -> None:
        self._ledger = ledger
        self._letters = letters
        self._decoder = decoder

    async def __call__(
        self, wanted: LetterFilter, *, dry_run: bool = False
    ) -> AsyncIterator[list[Released]]:
        """Try each open letter once; yield what became of each, a transaction at a time.

        The caller paces: nothing is begun between two steps. A dry run rolls each transaction
        back; what depends on an earlier one is judged without it. Raises `Fault`.
        """
        after = 0
        while page := await self._letters.open_letters(wanted, after, _PAGE):
            after = page[-1].id
            for group in by_partition(page):
                yield await self._redrive(group, rehearse=dry_run)

    async def _redrive(self, group: Sequence[StoredRecord], *, rehearse: bool) -> list[Released]:
        return await try_again(
            self._ledger, self._decoder, group, _close, parks=True, rehearse=rehearse
        )


async def _close(tx: LedgerTransaction, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
    await tx.close_letters(closings)
