"""No DML of anybody changes or removes an entry or an audit row."""

import uuid
from datetime import UTC, datetime

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection, new_slip, post, scope
from sqltools import connected

_CHANGES = [
    "UPDATE loyalty_ledger SET points_delta = 0",
    "DELETE FROM loyalty_ledger",
    "TRUNCATE loyalty_ledger",
    "TRUNCATE loyalty_ledger CASCADE",
    "UPDATE audit_log SET action = 'other'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "MERGE INTO loyalty_ledger AS l USING (VALUES (1)) AS v ON true WHEN MATCHED THEN DELETE",
    (
        "INSERT INTO loyalty_ledger SELECT * FROM loyalty_ledger"
        " ON CONFLICT (casino_id, id) DO UPDATE SET points_delta = 1"
    ),
]


@pytest.fixture
async def entry(worker: Connection, casino: uuid.UUID) -> uuid.UUID:
    """The casino of one entry, whose provisioning is audited as well."""
    await post(worker, new_slip(casino))
    return casino


@pytest.mark.parametrize("role", ["worker", "operator", "readonly", "owner", "superuser"])
async def test_no_role_changes_or_removes_an_entry_or_an_audit_row(
    database: DatabaseUrls, superuser: Connection, entry: uuid.UUID, role: str
) -> None:
    kept = "SELECT (SELECT json_agg(l) FROM loyalty_ledger AS l)::text, count(*) FROM audit_log"
    before = await superuser.fetchrow(kept)
    async with connected(getattr(database, role)) as connection:
        if role in {"worker", "operator"}:
            context = "SELECT set_config('app.casino_ids', $1, false)"
            await connection.execute(context, f"{{{entry}}}")
        for change in _CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    assert await superuser.fetchrow(kept) == before


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("table", ["loyalty_ledger", "audit_log"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created_at = now()", "DELETE FROM {}"])
async def test_the_guard_holds_where_ordinary_triggers_are_off(
    superuser: Connection, table: str, change: str
) -> None:
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await superuser.execute(change.format(table))


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("table", ["loyalty_ledger", "audit_log"])
async def test_the_row_guard_alone_refuses_what_replication_would_apply(
    superuser: Connection, table: str
) -> None:
    await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names


async def test_every_guard_fires_always(superuser: Connection) -> None:
    guards = await superuser.fetch(
        "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
        " AND tgrelid IN ('loyalty_ledger'::regclass, 'audit_log'::regclass)"
    )
    assert {(guard["tgname"], guard["tgenabled"]) for guard in guards} == {
        ("loyalty_ledger_append_only", b"A"),
        ("loyalty_ledger_append_only_row", b"A"),
        ("loyalty_ledger_continues_chain", b"A"),
        ("loyalty_ledger_keeps_rules", b"A"),
        ("audit_log_append_only", b"A"),
        ("audit_log_append_only_row", b"A"),
    }


async def test_the_worker_cannot_delete_a_player(worker: Connection, entry: uuid.UUID) -> None:
    async with scope(worker, [entry]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute("DELETE FROM player")


@pytest.mark.usefixtures("entry")
async def test_a_player_with_entries_cannot_be_deleted_by_anybody(superuser: Connection) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="player_loyalty"):
        await superuser.execute("DELETE FROM player")
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="foreign key"):
        await superuser.execute("TRUNCATE player")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await superuser.execute("TRUNCATE player, player_loyalty, loyalty_ledger")
    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 1


async def test_no_foreign_key_of_the_ledger_cascades_or_empties(superuser: Connection) -> None:
    actions = await superuser.fetch(
        "SELECT conname, confdeltype, confupdtype FROM pg_constraint WHERE contype = 'f'"
        " AND 'loyalty_ledger'::regclass IN (conrelid, confrelid)"
    )
    assert [tuple(action) for action in actions] == [
        ("loyalty_ledger_reversed_entry_exists", b"r", b"r")
    ]


async def test_a_row_of_the_past_cannot_be_written_into_the_audit_by_the_worker(
    worker: Connection, casino: uuid.UUID
) -> None:
    async with scope(worker, [casino]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(
                "INSERT INTO audit_log (domain, action, created_at) VALUES ('x', 'y', $1)",
                datetime(2020, 1, 1, tzinfo=UTC),
            )
