"""The single-event accrual, which shares its rules with the posting of batches."""

import asyncio
import uuid
from decimal import Decimal

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import BY_KEY, BY_NATURAL_KEY, GHOST, Connection, Slip, new_slip, post, scope
from sqltools import connected

_ACCRUE = "SELECT * FROM rpc_accrue_on_close($1, $2, $3)"
_RECORD = """
    INSERT INTO rating_slip (casino_id, id, player_id, visit_id, visit_kind, average_bet,
        started_at, closed_at, duration_seconds, status, policy_snapshot)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def _record(connection: Connection, slip: Slip, status: str = "closed") -> None:
    await connection.execute(
        _RECORD,
        slip.casino_id,
        slip.rating_slip_id,
        slip.player_id,
        slip.visit_id,
        slip.visit_kind,
        slip.average_bet,
        slip.started_at,
        slip.closed_at,
        slip.duration_seconds,
        status,
        slip.policy_snapshot,
    )


async def _accrue(worker: Connection, slip: Slip) -> asyncpg.Record:
    async with scope(worker, [slip.casino_id]):
        row = await worker.fetchrow(_ACCRUE, slip.rating_slip_id, slip.casino_id, slip.key)
    assert row is not None
    return row


async def _refusal(worker: Connection, slip: Slip) -> str:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await _accrue(worker, slip)
    name: str = str(refusal.value).split(":", maxsplit=1)[0]
    expected = "SELECT sqlstate FROM loyalty_refusals() WHERE name = $1"
    assert refusal.value.sqlstate == await worker.fetchval(expected, name)
    return name


async def test_a_slip_recorded_and_accrued_in_one_transaction_gives_its_entry(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    async with scope(worker, [casino]):
        await _record(worker, slip)
        row = await worker.fetchrow(_ACCRUE, slip.rating_slip_id, casino, slip.key)

    assert row is not None
    entry_id = await superuser.fetchval("SELECT id FROM loyalty_ledger")
    assert dict(row) == {
        "ledger_id": entry_id,
        "points_delta": 2100,
        "theo": Decimal(210),
        "balance_after": 2100,
        "is_existing": False,
    }


async def test_called_again_under_any_key_it_returns_the_entry_and_its_own_balance(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    later = new_slip(casino, player_id=slip.player_id)
    await _record(superuser, slip)
    await _record(superuser, later)
    first = await _accrue(worker, slip)
    await _accrue(worker, later)

    for key in (slip.key, uuid.uuid4()):
        again = await _accrue(worker, slip.but(key=key))
        assert dict(again) == dict(first) | {"is_existing": True}
    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 2


async def test_it_and_the_posting_of_events_know_each_others_entries(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    by_event, by_call = new_slip(casino), new_slip(casino)
    await post(worker, by_event)
    await _record(superuser, by_call)

    assert (await _accrue(worker, by_event))["is_existing"]
    assert not (await _accrue(worker, by_call))["is_existing"]
    assert await post(worker, by_call, by_call.but(key=uuid.uuid4())) == [BY_KEY, BY_NATURAL_KEY]


async def test_each_state_that_earns_nothing_is_refused_by_its_name(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    open_slip, ghost, bare = new_slip(casino), new_slip(casino, visit_kind=GHOST), new_slip(casino)
    await _record(superuser, open_slip, "open")
    await _record(superuser, ghost)
    await _record(superuser, bare.but(policy_snapshot=None))
    impossible = new_slip(casino, duration_seconds=99_999)
    await _record(superuser, impossible)

    assert await _refusal(worker, new_slip(casino)) == "LOYALTY_SLIP_NOT_FOUND"
    assert await _refusal(worker, open_slip) == "LOYALTY_SLIP_NOT_CLOSED"
    assert await _refusal(worker, ghost) == "LOYALTY_UNRATED_VISIT"
    assert await _refusal(worker, bare) == "LOYALTY_SNAPSHOT_MISSING"
    assert await _refusal(worker, impossible) == "LOYALTY_FACTS_INVALID"
    await post(worker, skipped := new_slip(casino, visit_kind=GHOST))
    assert await _refusal(worker, skipped) == "LOYALTY_UNRATED_VISIT"
    assert await superuser.fetchval("SELECT count(*) FROM player_loyalty") == 0


async def test_a_known_key_with_another_slip_is_a_conflict_before_the_slips_state(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    posted, other = new_slip(casino), new_slip(casino)
    await post(worker, posted)
    await _record(superuser, other)

    assert await _refusal(worker, other.but(key=posted.key)) == "LOYALTY_IDEMPOTENCY_CONFLICT"
    unknown = new_slip(casino, key=posted.key)
    assert await _refusal(worker, unknown) == "LOYALTY_IDEMPOTENCY_CONFLICT"


async def test_facts_that_were_changed_behind_the_ledger_are_a_conflict(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await post(worker, slip)
    await superuser.execute("UPDATE rating_slip SET average_bet = 101, facts_hash = NULL")

    assert await _refusal(worker, slip) == "LOYALTY_FACTS_CONFLICT"


async def test_the_checks_run_in_the_order_of_context_casino_role_and_key(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await _record(superuser, slip)
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED"):
        await worker.fetch(_ACCRUE, None, None, None)
    async with scope(worker, [uuid.uuid4()]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH"):
            await worker.fetch(_ACCRUE, None, casino, None)
    async with scope(worker, [casino]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_IDEMPOTENCY_REQUIRED"):
            await worker.fetch(_ACCRUE, None, casino, None)
    async with scope(operator, [casino]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.fetch(_ACCRUE, slip.rating_slip_id, casino, slip.key)
    assert await _refusal(worker, new_slip(uuid.uuid4())) == "LOYALTY_SLIP_NOT_FOUND"


async def test_a_login_that_is_an_operator_only_is_forbidden_by_its_role(
    operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute(
        "GRANT EXECUTE ON FUNCTION rpc_accrue_on_close(uuid, uuid, uuid) TO loyalty_operator"
    )
    assert await _refusal(operator, new_slip(casino)) == "LOYALTY_FORBIDDEN"


async def test_one_key_on_two_players_at_once_never_reaches_the_caller_as_a_violation(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    first = new_slip(casino)
    second = new_slip(casino, key=first.key)
    await _record(superuser, first)
    await _record(superuser, second)
    async with connected(database.worker) as other:
        async with scope(worker, [casino]):
            await worker.fetch(_ACCRUE, first.rating_slip_id, casino, first.key)
            attempt = asyncio.create_task(_refusal(other, second))
            pid = other.get_server_pid()
            while not await superuser.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
                await asyncio.sleep(0.01)
        assert await attempt == "LOYALTY_IDEMPOTENCY_CONFLICT"
