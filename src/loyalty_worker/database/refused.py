"""Refusals of the SQL functions as an exception: what a caller of the ledger may have to handle.

There is one class for all of them, since what tells them apart is data and stands in one closed
list: match on `error.refusal`, never on the text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from loyalty_worker.database.sqlstates import faults
from loyalty_worker.domain.refusals import Refusal


class LoyaltyRefusedError(Exception):
    """The database refused a request, and the transaction it came in is lost.

    Asking the same again meets the same refusal, until what `refusal` names has changed. The
    text is the database's own sentence, `NAME: what to do`, and `detail` says which record or
    value; both are written without personal data and safe to print.
    """

    def __init__(self, refusal: Refusal, text: str, detail: str | None = None) -> None:
        super().__init__(f"{text} ({detail})" if detail else text)
        self.refusal = refusal
        self.detail = detail


def refusal_of(error: asyncpg.PostgresError) -> LoyaltyRefusedError | None:
    """Return the refusal that a driver's exception stands for, or None where it is none.

    None also for a refusal of a database newer than this package, which it cannot name.
    """
    try:
        refusal = Refusal(error.sqlstate)
    except ValueError:
        return None
    return LoyaltyRefusedError(refusal, str(error.args[0]), getattr(error, "detail", None) or None)


@contextmanager
def typed_refusals() -> Iterator[None]:
    """Turn a refusal into `LoyaltyRefusedError`; the driver's other exceptions pass through.

    The driver's exception is dropped: its text can hold row values.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        refused = refusal_of(error)
        if refused is None:
            raise
        raise refused from None


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal into `LoyaltyRefusedError`, whatever else the driver raises into `Fault`."""
    with faults(), typed_refusals():
        yield
