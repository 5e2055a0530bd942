"""Redrive: tries dead letters again, through the same rules as a live record.

Each transaction posts the records of one partition and closes their letters, so a redrive that
was killed goes on where it was when it is run again, and a second one posts nothing more.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from loyalty_worker.application.stored_records import OnFailure, TryAgain, by_partition
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.ports import (
    DeadLetters,
    Decoder,
    Ledger,
    LedgerTransaction,
    LetterFilter,
    Released,
)

_PAGE = 200


class Redrive:
    """Redrives open letters in the order of their ids."""

    def __init__(
        self, ledger: Ledger, letters: DeadLetters, decoder: Decoder, on_failure: OnFailure
    ) -> None:
        self._letters = letters
        self._try_again = TryAgain(ledger, decoder, _close, on_failure, parks=True)

    async def __call__(
        self, wanted: LetterFilter, *, dry_run: bool = False
    ) -> AsyncIterator[list[Released]]:
        """Try each open letter once; yield what became of each, a transaction at a time.

        The caller paces: nothing is begun between two steps. A dry run rolls each transaction
        back; what depends on an earlier one is judged without it. A record that fails for no
        known reason is reported to `on_failure`, and its letter stays open. Raises `Fault` where
        the database fails.
        """
        try_again = replace(self._try_again, rehearse=dry_run)
        after = 0
        while page := await self._letters.open_letters(wanted, after, _PAGE):
            after = page[-1].id
            for group in by_partition(page):
                yield await try_again(group)


async def _close(tx: LedgerTransaction, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
    await tx.close_letters(closings)
