"""No session sees or writes a row of a casino outside of its scope."""

import uuid

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection, new_slip, post, post_rows, scope
from sqltools import add_casino, connected

_TENANT_TABLES = ["casino_settings", "rating_slip", "loyalty_ledger", "player_loyalty"]
_ALL = "SELECT count(*) FROM {}"
_OF_CASINO = "SELECT count(*) FROM {} WHERE casino_id = $1"


@pytest.fixture
async def neighbour(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> uuid.UUID:
    """Another casino; both have a row in every table of a casino."""
    other = uuid.uuid4()
    await add_casino(database, str(other))
    await post(worker, new_slip(casino), new_slip(other))
    await superuser.execute("INSERT INTO casino_settings (casino_id) SELECT id FROM casino")
    return other


@pytest.mark.parametrize("role", ["worker", "operator"])
async def test_a_service_sees_the_casinos_of_its_scope_and_no_others(
    database: DatabaseUrls, casino: uuid.UUID, neighbour: uuid.UUID, role: str
) -> None:
    async with connected(getattr(database, role)) as connection:
        for table in _TENANT_TABLES:
            async with scope(connection, [casino]):
                assert await connection.fetchval(_OF_CASINO.format(table), casino) == 1
                assert await connection.fetchval(_OF_CASINO.format(table), neighbour) == 0
            async with scope(connection, [casino, neighbour]):
                assert await connection.fetchval(_ALL.format(table)) == 2


@pytest.mark.parametrize("role", ["worker", "operator", "owner"])
async def test_without_a_context_nothing_is_visible_also_after_one_on_the_same_connection(
    database: DatabaseUrls, casino: uuid.UUID, neighbour: uuid.UUID, role: str
) -> None:
    async with connected(getattr(database, role)) as connection:
        if role != "owner":
            async with scope(connection, [casino, neighbour]):
                pass
        for table in _TENANT_TABLES:
            assert await connection.fetchval(_ALL.format(table)) == 0


@pytest.mark.usefixtures("neighbour")
async def test_an_empty_scope_sees_nothing(worker: Connection) -> None:
    async with scope(worker, []):
        assert await worker.fetchval("SELECT count(*) FROM loyalty_ledger") == 0


async def test_the_worker_cannot_write_outside_of_its_scope(
    worker: Connection, casino: uuid.UUID, neighbour: uuid.UUID
) -> None:
    async with scope(worker, [casino]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_CASINO_MISMATCH") as refusal:
            async with worker.transaction():
                await post_rows(worker, [new_slip(casino), new_slip(neighbour)])
        assert refusal.value.sqlstate == "LY031"
        moved = "UPDATE player_loyalty SET current_balance = 0 WHERE casino_id = $1"
        assert await worker.execute(moved, neighbour) == "UPDATE 0"
        removed = "DELETE FROM player_loyalty WHERE casino_id = $1"
        assert await worker.execute(removed, neighbour) == "DELETE 0"
        for insert in (
            "INSERT INTO player_loyalty (casino_id, player_id) VALUES ($1, gen_random_uuid())",
            (
                "INSERT INTO rating_slip (casino_id, id, visit_id, visit_kind, started_at, status)"
                " VALUES ($1, $1, $1, 'gaming_ghost_unrated', now(), 'open')"
            ),
            (
                "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta,"
                " balance_after, reason, rating_slip_id, source_kind, source_id, idempotency_key,"
                " payload_hash) VALUES ($1, $1, 1, 1, 1, 'base_accrual', $1, 'rating_slip', $1,"
                " $1, sha256(''))"
            ),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with worker.transaction():
                    await worker.execute(insert, neighbour)


@pytest.mark.parametrize("reason", ["redeem", "manual_reward", "adjustment", "reversal"])
async def test_the_worker_posts_no_entry_that_only_people_may_make(
    worker: Connection, casino: uuid.UUID, reason: str
) -> None:
    async with scope(worker, [casino]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await worker.execute(
                "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta,"
                " balance_after, reason, staff_id, note, idempotency_key, payload_hash,"
                " reversed_ledger_id) VALUES ($1, $1, 1, 1, 1, $2, $1, 'n', $1, sha256(''),"
                " CASE WHEN $2 = 'reversal'::loyalty_reason THEN $1::uuid END)",
                casino,
                reason,
            )


async def test_a_closed_slip_cannot_be_changed_and_a_used_balance_not_removed_by_the_worker(
    worker: Connection, casino: uuid.UUID
) -> None:
    await post(worker, new_slip(casino))
    async with scope(worker, [casino]):
        assert await worker.execute("UPDATE rating_slip SET average_bet = 1") == "UPDATE 0"
        assert await worker.execute("DELETE FROM player_loyalty") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute("DELETE FROM rating_slip")


@pytest.mark.usefixtures("neighbour")
async def test_writing_the_setting_gains_nothing_to_who_is_no_service(
    database: DatabaseUrls, casino: uuid.UUID
) -> None:
    async with connected(database.owner) as owner, owner.transaction():
        await owner.execute(f"SET LOCAL app.casino_ids = '{{{casino}}}'")
        assert await owner.fetchval("SELECT service_scope()") is None
        assert await owner.fetchval("SELECT count(*) FROM loyalty_ledger") == 0


@pytest.mark.parametrize("role", ["owner", "readonly"])
async def test_only_services_may_set_a_context(database: DatabaseUrls, role: str) -> None:
    async with connected(getattr(database, role)) as connection:
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await connection.execute("SELECT set_service_context('{}', 'test')")
    assert refusal.value.sqlstate in {"42501", "LY030"}


async def test_posting_without_a_context_is_refused(worker: Connection, casino: uuid.UUID) -> None:
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_UNAUTHORIZED") as refusal:
        await post_rows(worker, [new_slip(casino)])
    assert refusal.value.sqlstate == "LY029"


@pytest.mark.usefixtures("neighbour")
async def test_readers_see_everything_and_change_nothing(readonly: Connection) -> None:
    tables = await readonly.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        await readonly.fetch(f"SELECT * FROM {table}")  # noqa: S608 - our own table names
        for change in ("DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await readonly.execute(change.format(table))
    assert await readonly.fetchval("SELECT count(*) FROM loyalty_ledger") == 2


@pytest.mark.usefixtures("neighbour")
async def test_an_operator_changes_no_entry_balance_or_slip(
    operator: Connection, casino: uuid.UUID
) -> None:
    async with scope(operator, [casino]):
        for change in (
            "UPDATE player_loyalty SET current_balance = 0",
            "DELETE FROM player_loyalty",
            "UPDATE rating_slip SET status = 'open'",
            "INSERT INTO player (id) VALUES (gen_random_uuid())",
            "UPDATE consumer_progress SET next_offset = 0",
            "DELETE FROM dead_letter",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with operator.transaction():
                    await operator.execute(change)


async def test_the_worker_cannot_list_players(worker: Connection, casino: uuid.UUID) -> None:
    async with scope(worker, [casino]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.fetch("SELECT * FROM player")


async def test_a_forged_temporary_table_is_not_taken_for_the_real_one(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    unknown = uuid.uuid4()
    await superuser.execute(
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC',"
        " current_database()); END $$"
    )
    await worker.execute("CREATE TEMPORARY TABLE casino (id uuid)")
    await worker.execute("INSERT INTO pg_temp.casino VALUES ($1)", unknown)

    (verdict,) = await post(worker, new_slip(unknown))
    assert verdict.refusal == "LOYALTY_CASINO_UNKNOWN"
    assert (await post(worker, new_slip(casino)))[0].verdict == "accrued"
