"""A casino with its staff, and what people ask of the ledger through a gateway."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection, Slip, new_slip, post
from sqltools import add_casino, as_operator, connected

ROLES = ("dealer", "cashier", "pit_boss", "admin")
_RECORD = """
    INSERT INTO rating_slip (casino_id, id, player_id, visit_id, visit_kind, average_bet,
        started_at, closed_at, duration_seconds, status, policy_snapshot)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A provisioned casino, one active member of staff for each role, and who reaches it."""

    database: DatabaseUrls
    casino: uuid.UUID
    staff: dict[str, uuid.UUID]
    gateway: Connection
    service: Connection
    superuser: Connection

    @asynccontextmanager
    async def acting(self, role: str) -> AsyncIterator[Connection]:
        """Open a transaction in which the member of staff of this role acts."""
        async with self.gateway.transaction():
            await self.gateway.execute(
                "SELECT set_rls_context($1, $2, $3, 'test')", self.staff[role], self.casino, role
            )
            yield self.gateway

    async def row(self, role: str, query: str, *arguments: object) -> asyncpg.Record:
        """Return the one row of a query, asked by this role in a transaction of its own."""
        async with self.acting(role) as gateway:
            (row,) = await gateway.fetch(query, *arguments)
        return row

    async def rows(self, role: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Return the rows of a query, asked by this role in a transaction of its own."""
        async with self.acting(role) as gateway:
            return list(await gateway.fetch(query, *arguments))

    async def call(self, role: str, call: str, *arguments: object) -> asyncpg.Record:
        """Return the one row of a function, called by this role in a transaction of its own."""
        return await self.row(role, f"SELECT * FROM {call}", *arguments)  # noqa: S608 - our calls

    async def redeem(
        self,
        role: str,
        player: uuid.UUID | None,
        points: int | None,
        *,
        overdraw: bool | None = False,
        key: uuid.UUID | None = None,
        note: str | None = "dinner for two",
    ) -> asyncpg.Record:
        """Redeem; under a key of its own if none is given."""
        return await self.call(
            role,
            "rpc_redeem($1, $2, $3, $4, $5, $6, $7)",
            self.casino,
            player,
            points,
            self.staff[role],
            note,
            key or uuid.uuid4(),
            overdraw,
        )

    async def credit(
        self,
        role: str,
        player: uuid.UUID | None,
        points: int | None,
        *,
        key: uuid.UUID | None = None,
        note: str | None = "waited long",
    ) -> asyncpg.Record:
        """Give goodwill points; under a key of its own if none is given."""
        return await self.call(
            role,
            "rpc_manual_credit($1, $2, $3, $4, $5, $6)",
            self.casino,
            player,
            points,
            self.staff[role],
            note,
            key or uuid.uuid4(),
        )

    async def adjust(
        self,
        role: str,
        player: uuid.UUID | None,
        points: int | None,
        *,
        key: uuid.UUID | None = None,
        note: str | None = "rated twice",
    ) -> asyncpg.Record:
        """Adjust; under a key of its own if none is given."""
        return await self.call(
            role,
            "rpc_adjust_points($1, $2, $3, $4, $5, $6)",
            self.casino,
            player,
            points,
            self.staff[role],
            note,
            key or uuid.uuid4(),
        )

    async def reverse(
        self,
        role: str,
        entry: uuid.UUID | None,
        *,
        key: uuid.UUID | None = None,
        note: str | None = "the wrong player",
    ) -> asyncpg.Record:
        """Reverse an entry; under a key of its own if none is given."""
        return await self.call(
            role,
            "rpc_reverse_ledger_entry($1, $2, $3, $4, $5)",
            self.casino,
            entry,
            self.staff[role],
            note,
            key or uuid.uuid4(),
        )

    async def promote(
        self,
        role: str,
        slip: uuid.UUID | None,
        multiplier: Decimal | None = None,
        bonus: int | None = None,
        *,
        campaign: str | None = "spring",
        key: uuid.UUID | None = None,
    ) -> asyncpg.Record:
        """Apply a promotion; under a key of its own if none is given."""
        return await self.call(
            role,
            "rpc_apply_promotion($1, $2, $3, $4, $5, $6)",
            self.casino,
            slip,
            campaign,
            multiplier,
            bonus,
            key or uuid.uuid4(),
        )

    async def record(self, role: str, slip: Slip, status: str = "closed") -> None:
        """Write a slip as the casino's services do, as this role."""
        async with self.acting(role) as gateway:
            await record_slip(gateway, slip, status)


async def record_slip(connection: Connection, slip: Slip, status: str = "closed") -> None:
    """Write a slip into the table; a closed one is to be accrued."""
    await connection.execute(
        _RECORD,
        slip.casino_id,
        slip.rating_slip_id,
        slip.player_id,
        slip.visit_id,
        slip.visit_kind,
        slip.average_bet,
        slip.started_at,
        slip.closed_at if status == "closed" else None,
        slip.duration_seconds if status == "closed" else None,
        status,
        slip.policy_snapshot,
    )


async def refusal(request: Awaitable[object]) -> str:
    """Return the name of the refusal that a request meets, without the common prefix."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        await request
    assert (refused.value.sqlstate or "").startswith("LY"), repr(refused.value)
    name = str(refused.value).split(":", maxsplit=1)[0]
    return name.removeprefix("LOYALTY_")


async def player_with(desk: Desk, points: int = 0) -> uuid.UUID:
    """Return a player of the casino whose one slip earned exactly these points."""
    slip = slip_worth(desk.casino, points)
    (verdict,) = await post(desk.service, slip)
    assert verdict.points == points
    assert slip.player_id is not None
    return slip.player_id


async def accrued_slip(desk: Desk, points: int = 100) -> Slip:
    """Return a slip that earned exactly these points."""
    slip = slip_worth(desk.casino, points)
    await post(desk.service, slip)
    return slip


def slip_worth(casino: uuid.UUID, points: int, player: uuid.UUID | None = None) -> Slip:
    """Return a slip that earns exactly these points: two hours, one bet of half of them each."""
    policy = {
        "house_edge": 100,
        "decisions_per_hour": 1,
        "points_conversion_rate": 1,
        "policy_version": "loyalty_points_v1",
    }
    return new_slip(
        casino,
        player_id=player or uuid.uuid4(),
        average_bet=Decimal(points) / 2,
        policy_snapshot=json.dumps({"loyalty": policy}),
    )


async def change_settings(desk: Desk, **settings: object) -> None:
    """Change settings of the casino, as an operator."""
    async with as_operator(desk.database, str(desk.casino)) as operator:
        await operator.execute(
            "SELECT set_casino_settings($1, $2)", desk.casino, json.dumps(settings)
        )


async def balance_of(desk: Desk, player: uuid.UUID) -> tuple[int, int]:
    """Return a player's cached balance and count of entries."""
    row = await desk.superuser.fetchrow(
        "SELECT current_balance, entry_count FROM player_loyalty"
        " WHERE casino_id = $1 AND player_id = $2",
        desk.casino,
        player,
    )
    assert row is not None
    return row["current_balance"], row["entry_count"]


async def entry_of(desk: Desk, entry: uuid.UUID) -> asyncpg.Record:
    """Return an entry as a superuser reads it."""
    row = await desk.superuser.fetchrow(
        "SELECT * FROM loyalty_ledger WHERE casino_id = $1 AND id = $2", desk.casino, entry
    )
    assert row is not None
    return row


async def whole(desk: Desk) -> bool:
    """Whether every balance of the casino agrees with its entries (I5)."""
    async with as_operator(desk.database, str(desk.casino)) as operator:
        found = await operator.fetch("SELECT * FROM check_loyalty_balance_drift($1)", desk.casino)
    return found == []


@asynccontextmanager
async def desk_at(database: DatabaseUrls) -> AsyncIterator[Desk]:
    """Provision a casino with its staff, and connect."""
    casino = uuid.uuid4()
    await add_casino(database, str(casino))
    staff = {role: uuid.uuid4() for role in ROLES}
    async with (
        connected(database.staff_gateway) as gateway,
        connected(database.worker) as service,
        connected(database.superuser) as superuser,
    ):
        await superuser.executemany(
            "INSERT INTO staff (casino_id, id, role) VALUES ($1, $2, $3)",
            [(casino, person, role) for role, person in staff.items()],
        )
        yield Desk(database, casino, staff, gateway, service, superuser)
