"""Which database errors are faults, and what a fault is called in logs and metrics.

Only codes leave this module: an exception's text can hold row values, and those are personal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import asyncpg

from loyalty_worker.ports import UNKNOWN_ERROR, Fault, FaultReason

_BY_SQLSTATE: dict[str, FaultReason] = {
    "40001": "conflict",  # serialization failure
    "40P01": "conflict",  # deadlock
    "23505": "conflict",  # the same key came in from another transaction meanwhile
    "55P03": "lock_timeout",
    "57014": "database_timeout",
}
_BY_CLASS: dict[str, FaultReason] = {
    "08": "database_unreachable",
    "28": "database_login_refused",
    "3D": "database_login_refused",  # the database does not exist
    "53": "database_resources",
    "57": "database_unreachable",  # shutting down, starting up
    "58": "database_resources",
    "42": "database_schema",  # missing table, function or right: migrate first
    "LY": "refused",
}

FAULT_REASONS = frozenset(get_args(FaultReason))


def fault_of(error: BaseException) -> Fault:
    """Return the fault that stands for a driver's exception; without its text."""
    if isinstance(error, asyncpg.PostgresError):
        sqlstate = error.sqlstate or ""
        reason = _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], UNKNOWN_ERROR)
        return Fault(reason, sqlstate or None)
    if isinstance(error, TimeoutError):
        return Fault("database_timeout")
    if isinstance(error, ValueError):  # asyncpg could not encode an argument
        return Fault(UNKNOWN_ERROR)
    return Fault("database_unreachable")


@contextmanager
def faults() -> Iterator[None]:
    """Turn what the driver raises into `Fault`; the original is dropped for its text's sake."""
    try:
        yield
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        # what asyncpg raises for a command on a connection that the server has just ended
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    ) as error:
        raise fault_of(error) from None
