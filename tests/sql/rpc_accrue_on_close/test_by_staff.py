"""A pit boss or an administrator accrues a slip that was closed at the desk."""

import json
import uuid

import asyncpg
import pytest

from sqlslips import BY_NATURAL_KEY, post
from sqlstaff import Desk, balance_of, entry_of, record_slip, refusal, slip_worth, whole

_ACCRUE = "SELECT * FROM rpc_accrue_on_close($1, $2, $3)"


@pytest.mark.parametrize("role", ["pit_boss", "admin"])
async def test_the_closed_slip_and_its_points_are_written_in_one_transaction(
    desk: Desk, role: str
) -> None:
    slip = slip_worth(desk.casino, 70)
    async with desk.acting(role) as gateway:
        await record_slip(gateway, slip)
        row = await gateway.fetchrow(_ACCRUE, slip.rating_slip_id, desk.casino, slip.key)
    assert row is not None
    assert (row["points_delta"], row["balance_after"], row["is_existing"]) == (70, 70, False)

    entry = await entry_of(desk, row["ledger_id"])
    assert entry["staff_id"] == desk.staff[role]
    assert json.loads(entry["metadata"])["calc"]["points"] == 70
    assert slip.player_id is not None
    assert await balance_of(desk, slip.player_id) == (70, 1)
    again = await desk.row(role, _ACCRUE, slip.rating_slip_id, desk.casino, slip.key)
    assert dict(again) == dict(row) | {"is_existing": True}
    # the event that comes later is the same slip
    assert await post(desk.service, slip.but(key=uuid.uuid4())) == [BY_NATURAL_KEY]
    assert await whole(desk)


async def test_an_open_slip_is_closed_once_and_its_facts_stand_from_then_on(desk: Desk) -> None:
    slip = slip_worth(desk.casino, 70)
    await desk.record("pit_boss", slip, "open")
    close = (
        "UPDATE rating_slip SET status = 'closed', closed_at = $2, duration_seconds = $3"
        " WHERE id = $1"
    )
    arguments = (slip.rating_slip_id, slip.closed_at, slip.duration_seconds)
    async with desk.acting("pit_boss") as gateway:
        assert await gateway.execute(close, *arguments) == "UPDATE 1"
        row = await gateway.fetchrow(_ACCRUE, slip.rating_slip_id, desk.casino, slip.key)
        assert row is not None
        assert row["points_delta"] == 70
        assert await gateway.execute(close, *arguments) == "UPDATE 0"


async def test_a_slip_with_a_facts_hash_of_the_writers_own_is_refused(desk: Desk) -> None:
    slip = slip_worth(desk.casino, 70)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
        await desk.rows(
            "pit_boss",
            "INSERT INTO rating_slip (casino_id, id, visit_id, visit_kind, average_bet, started_at,"
            " closed_at, duration_seconds, status, facts_hash)"
            " VALUES ($1, $2, $2, 'reward_identified', 1, now(), now(), 0, 'closed', sha256(''))",
            desk.casino,
            slip.rating_slip_id,
        )
    await desk.record("pit_boss", slip, "open")
    async with desk.acting("pit_boss") as gateway:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            await gateway.execute(
                "UPDATE rating_slip SET status = 'closed', closed_at = $2, duration_seconds = 1,"
                " facts_hash = sha256('') WHERE id = $1",
                slip.rating_slip_id,
                slip.closed_at,
            )


@pytest.mark.parametrize("role", ["dealer", "cashier"])
async def test_who_may_not_accrue_writes_no_slip_either(desk: Desk, role: str) -> None:
    for status in ("open", "closed"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            await desk.record(role, slip_worth(desk.casino, 70), status)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
        await desk.rows(role, "INSERT INTO player (id) VALUES (gen_random_uuid())")


async def test_what_stops_an_accrual_stops_it_for_staff_too(desk: Desk) -> None:
    open_slip, keyless = slip_worth(desk.casino, 70), slip_worth(desk.casino, 70)
    await desk.record("pit_boss", open_slip, "open")
    await desk.record("pit_boss", keyless)
    for slip, key, name in (
        (open_slip.rating_slip_id, uuid.uuid4(), "SLIP_NOT_CLOSED"),
        (uuid.uuid4(), uuid.uuid4(), "SLIP_NOT_FOUND"),
        (keyless.rating_slip_id, None, "IDEMPOTENCY_REQUIRED"),
    ):
        request = desk.row("pit_boss", _ACCRUE, slip, desk.casino, key)
        assert await refusal(request) == name
