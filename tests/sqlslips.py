"""Closed slips as the posting function takes them, for the tests of the SQL."""

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic only in its stubs

RATED = "gaming_identified_rated"
GHOST = "gaming_ghost_unrated"
REWARD = "reward_identified"
_CLOSED = datetime(2026, 3, 14, 22, 30, tzinfo=UTC)
_POST = f"SELECT * FROM post_closed_slips({', '.join(f'${n}' for n in range(1, 20))})"  # noqa: S608 - numbers


def snapshot(**fields: object) -> str:
    """Return a policy snapshot as JSON text; `fields` replace those of the anchor policy."""
    policy: dict[str, object] = {
        "house_edge": 1.5,
        "decisions_per_hour": 70,
        "points_conversion_rate": 10,
        "policy_version": "loyalty_points_v1",
    }
    return json.dumps({"loyalty": policy | fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One element of the arrays."""

    casino_id: uuid.UUID
    rating_slip_id: uuid.UUID
    visit_id: uuid.UUID
    player_id: uuid.UUID | None
    key: uuid.UUID | None
    visit_kind: str = RATED
    average_bet: Decimal = Decimal(100)
    started_at: datetime = _CLOSED - timedelta(hours=2)
    closed_at: datetime = _CLOSED
    duration_seconds: int = 7200
    gaming_day: date | None = None
    policy_snapshot: str | None = snapshot()

    def but(self, **changes: Any) -> "Slip":  # noqa: ANN401 - any field of the slip
        """Return the slip with other values."""
        return replace(self, **changes)


def new_slip(casino_id: uuid.UUID, **changes: Any) -> Slip:  # noqa: ANN401 - any field of the slip
    """Return a slip that earns 2100 points: bet 100, two hours, the anchor policy."""
    return Slip(
        casino_id=casino_id,
        rating_slip_id=uuid.uuid4(),
        visit_id=uuid.uuid4(),
        player_id=uuid.uuid4(),
        key=uuid.uuid4(),
    ).but(**changes)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a slip, without the ids and texts that a model cannot foresee."""

    verdict: str
    duplicate_by: str | None = None
    refusal: str | None = None
    points: int = 0


ACCRUED_2100 = Verdict("accrued", points=2100)
BY_KEY = Verdict("duplicate", duplicate_by="key")
BY_NATURAL_KEY = Verdict("duplicate", duplicate_by="natural_key")
SKIPPED = Verdict("skipped")


def refused(name: str) -> Verdict:
    """Return the verdict of a refusal, named without its common prefix."""
    return Verdict("refused", refusal=f"LOYALTY_{name}")


@asynccontextmanager
async def scope(
    connection: Connection, casino_ids: Iterable[uuid.UUID]
) -> AsyncIterator[Connection]:
    """Open a transaction whose context is these casinos."""
    async with connection.transaction():
        await connection.execute("SELECT set_service_context($1, 'test')", list(casino_ids))
        yield connection


async def post_rows(connection: Connection, slips: Sequence[Slip]) -> list[asyncpg.Record]:
    """Post slips in an open transaction; return the function's rows."""
    return list(
        await connection.fetch(
            _POST,
            ["casino/tables" for _ in slips],
            [f"event-{number}" for number, _ in enumerate(slips)],
            "rating-slip-closed",
            0,
            list(range(len(slips))),
            [slip.key for slip in slips],
            [slip.casino_id for slip in slips],
            [slip.rating_slip_id for slip in slips],
            [slip.visit_id for slip in slips],
            [slip.visit_kind for slip in slips],
            [slip.player_id for slip in slips],
            [None for _ in slips],
            ["blackjack" for _ in slips],
            [slip.average_bet for slip in slips],
            [slip.started_at for slip in slips],
            [slip.closed_at for slip in slips],
            [slip.duration_seconds for slip in slips],
            [slip.gaming_day for slip in slips],
            [slip.policy_snapshot for slip in slips],
        )
    )


async def post(connection: Connection, *slips: Slip) -> list[Verdict]:
    """Post slips as one batch in a transaction of its own; return one verdict each."""
    async with scope(connection, {slip.casino_id for slip in slips}):
        rows = await post_rows(connection, slips)
    assert [row["ordinal"] for row in rows] == list(range(1, len(slips) + 1))
    return [
        Verdict(row["verdict"], row["duplicate_by"], row["refusal"], row["points"]) for row in rows
    ]
