"""Transactions with a context: who acts, where, and what may be called there.

A refusal ends its transaction. Caught inside, it is raised again at the end, because what was
posted before it is not there either.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from loyalty_worker.database.functions import (
    AccrualFunctions,
    DriftFunction,
    LedgerFunctions,
    ReconcileFunction,
)
from loyalty_worker.database.points_functions import PointsFunctions
from loyalty_worker.database.readings import ReadingFunctions
from loyalty_worker.database.refused import refusals
from loyalty_worker.database.types import Pool


@dataclass(frozen=True, slots=True)
class StaffContext:
    """The person for whom a gateway acts; the database verifies it against its list of staff.

    `role` is dealer, cashier, pit_boss or admin. `correlation_id` goes into the audit.
    """

    actor_id: UUID
    casino_id: UUID
    role: str
    correlation_id: str


class StaffTransaction(AccrualFunctions, PointsFunctions, ReconcileFunction, ReadingFunctions):
    """What a person may ask for, each as far as the role allows."""


class ServiceTransaction(AccrualFunctions, DriftFunction):
    """What a service may ask for, event by event; the worker posts batches (`ledger`)."""


@asynccontextmanager
async def staff_transaction(
    pool: "Pool", context: StaffContext, acquire_timeout: float
) -> AsyncIterator[StaffTransaction]:
    """Open a transaction for a person, with a login of the staff gateway; seconds.

    Commits on a normal end. Raises `LoyaltyRefusedError` (`LOYALTY_STAFF_UNKNOWN` where the person
    is not active there in that role) and `Fault`.
    """
    with refusals():
        async with pool.acquire(timeout=acquire_timeout) as connection, connection.transaction():
            await connection.execute(
                "SELECT set_rls_context($1, $2, $3, $4)",
                context.actor_id,
                context.casino_id,
                context.role,
                context.correlation_id,
            )
            functions = StaffTransaction(connection)
            yield functions
            _raise_refused(functions)


@asynccontextmanager
async def service_transaction(
    pool: "Pool", casino_ids: Collection[UUID], correlation_id: str, acquire_timeout: float
) -> AsyncIterator[ServiceTransaction]:
    """Open a transaction for a service, scoped to these casinos, with the worker's login; seconds.

    Commits on a normal end. Raises `LoyaltyRefusedError` and `Fault`.
    """
    with refusals():
        async with pool.acquire(timeout=acquire_timeout) as connection, connection.transaction():
            await connection.execute(
                "SELECT set_service_context($1, $2)", sorted(casino_ids), correlation_id
            )
            functions = ServiceTransaction(connection)
            yield functions
            _raise_refused(functions)


def _raise_refused(functions: LedgerFunctions) -> None:
    if functions.refused is not None:
        raise functions.refused
