"""Runs of the drift check in PostgreSQL: one method per SQL function."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Connection, Pool
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.ports import CasinoUnknownError, DriftChunk, DriftRequest, DriftSummary

_BUSY_SECONDS = 5.0
# Closing is one transaction, however many players drift: a million takes a minute.
_CLOSE_SECONDS = 600
_PATIENCE = f"SET LOCAL statement_timeout = '{_CLOSE_SECONDS}s'"
_ACTOR = "SELECT set_config('app.actor_name', $1, true)"
_SCOPE = "SELECT set_service_context(ARRAY(SELECT id FROM casino), $1)"


class PostgresDriftChecks:
    """The drift checks; their alerts go to `alerts_topic`, in the name of `source`.

    `actor` is the person who asks, for the audit.
    """

    def __init__(
        self,
        pool: "Pool",
        acquire_timeout: float,
        *,
        alerts_topic: str,
        source: str,
        actor: str | None = None,
    ) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._alerts_topic = alerts_topic
        self._source = source
        self._actor = actor

    async def begin(self, request: DriftRequest) -> UUID:
        """Begin a run, or find that of the same request. Raises `CasinoUnknownError`, `Fault`."""
        identity = request.identity
        async with self._transaction("begin") as connection:
            try:
                run_id: UUID = await connection.fetchval(
                    "SELECT run_id FROM begin_drift_check($1, $2, $3, $4, $5)",
                    request.trigger,
                    request.casino_id,
                    None if identity is None else identity.source,
                    None if identity is None else identity.id,
                    request.requested_by,
                )
            except asyncpg.PostgresError as error:
                if error.sqlstate == Refusal.LOYALTY_CASINO_UNKNOWN.value:
                    raise CasinoUnknownError from None
                raise
        return run_id

    async def advance(self, run_id: UUID, max_players: int, max_entries: int) -> DriftChunk:
        """Judge the next players of a run. Raises `Fault`."""
        async with self._transaction(f"run {run_id}") as connection:
            row = await connection.fetchrow(
                "SELECT walked, players, entries, findings FROM advance_drift_check($1, $2, $3)",
                run_id,
                max_players,
                max_entries,
            )
        return DriftChunk(**dict(row or {}))

    async def is_busy(self) -> bool:
        """Say whether records were posted just now. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                busy: bool = await connection.fetchval(
                    "SELECT records_are_posted($1)", _BUSY_SECONDS
                )
        return busy

    async def close(self, run_id: UUID) -> DriftSummary:
        """Finish a walked run. Raises `Fault`."""
        async with self._transaction(f"run {run_id}") as connection:
            await connection.execute(_PATIENCE)
            row = await connection.fetchrow(
                "SELECT verdict, players_checked, entries_checked, players_drifted, largest_drift,"
                " started_at, finished_at FROM close_drift_check($1, $2, $3)",
                run_id,
                self._alerts_topic,
                self._source,
                timeout=_CLOSE_SECONDS,
            )
        return DriftSummary(run_id, **dict(row or {}))

    @asynccontextmanager
    async def _transaction(self, correlation: str) -> AsyncIterator["Connection"]:
        """Open a transaction that sees every casino: a check that sees less would call it clean."""
        with faults():
            async with (
                self._pool.acquire(timeout=self._acquire_timeout) as connection,
                connection.transaction(),
            ):
                await connection.execute(_SCOPE, f"drift check, {correlation}")
                if self._actor is not None:
                    await connection.execute(_ACTOR, self._actor)
                yield connection
