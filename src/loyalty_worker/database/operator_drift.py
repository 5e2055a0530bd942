"""What an operator reads of drift checks; one function for each thing."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from loyalty_worker.database.types import Connection

# Of each casino the newest finished run that looked at it.
_NEWEST_RUNS = (
    "SELECT DISTINCT ON (c.casino_id) c.casino_id, c.run_id FROM drift_check_casino AS c"
    " JOIN drift_check_run AS r ON r.id = c.run_id WHERE r.verdict IN ('clean', 'drift')"
    " ORDER BY c.casino_id, r.finished_at DESC"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A drift check; `casino_id` None is all casinos, `verdict` None is unfinished."""

    id: UUID
    trigger: str
    casino_id: UUID | None
    requested_by: str | None
    started_at: datetime
    finished_at: datetime | None
    players_checked: int
    players_drifted: int | None
    largest_drift: int | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a run found of a player; points, and `drift` is cached less computed balance."""

    casino_id: UUID
    player_id: UUID
    kind: str
    severity: str | None
    current_balance: int | None
    computed_balance: int
    drift: int
    drift_percentage: Decimal | None
    ledger_entry_count: int
    last_ledger_update: datetime | None
    run_id: UUID
    detected_at: datetime
    reconciled_at: datetime | None


@dataclass(frozen=True, slots=True)
class CheckedCasinos:
    """Since when every casino that was ever checked is; how many never were."""

    since: datetime | None
    unchecked: int


async def list_runs(opened: "Connection", limit: int) -> list[Run]:
    """Return drift checks, newest first."""
    columns = ", ".join(Run.__slots__)
    rows = await opened.fetch(
        f"SELECT {columns} FROM drift_check_run"  # noqa: S608 - our column names
        " ORDER BY started_at DESC, id LIMIT $1",
        limit,
    )
    return [Run(**dict(row)) for row in rows]


async def list_findings(
    opened: "Connection", *, run_id: UUID | None, casino_id: UUID | None, limit: int
) -> list[Finding]:
    """Return the findings of a run, gravest first, and of those the largest drift.

    Without a run: those that stand, of each casino's newest finished run.
    """
    columns = ", ".join(f"f.{name}" for name in Finding.__slots__)
    rows = await opened.fetch(
        f"SELECT {columns} FROM drift_finding AS f"  # noqa: S608 - our column names
        " WHERE ($2::uuid IS NULL OR f.casino_id = $2) AND (f.run_id = $1 OR $1 IS NULL"
        " AND f.reconciled_at IS NULL"
        f" AND (f.casino_id, f.run_id) IN (SELECT casino_id, run_id FROM ({_NEWEST_RUNS}) AS n))"
        # a damaged ledger is critical at any drift, also at none
        " ORDER BY array_position(ARRAY['critical', 'warning', 'info'], f.severity),"
        " abs(f.drift) DESC, f.casino_id, f.player_id, f.kind LIMIT $3",
        run_id,
        casino_id,
        limit,
    )
    return [Finding(**dict(row)) for row in rows]


async def checked_casinos(opened: "Connection", casino_id: UUID | None) -> CheckedCasinos:
    """Say how old the newest finished checks are, of one casino or, where None, of all."""
    (row,) = await opened.fetch(
        "SELECT min(r.finished_at) AS since,"  # noqa: S608 - our own query
        " count(*) FILTER (WHERE n.run_id IS NULL) AS unchecked"
        f" FROM casino AS c LEFT JOIN ({_NEWEST_RUNS}) AS n ON n.casino_id = c.id"
        " LEFT JOIN drift_check_run AS r ON r.id = n.run_id WHERE $1::uuid IS NULL OR c.id = $1",
        casino_id,
    )
    return CheckedCasinos(**dict(row))


async def run_exists(opened: "Connection", run_id: UUID) -> bool:
    """Whether there is a drift check of this id."""
    found: bool = await opened.fetchval(
        "SELECT EXISTS (SELECT FROM drift_check_run WHERE id = $1)", run_id
    )
    return found
