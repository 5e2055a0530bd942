"""The migration runner: plain SQL files, each once and in order, then all functions.

Only one runner works at a time. It polls for an advisory lock: a blocking wait would hold a
snapshot that CREATE INDEX CONCURRENTLY waits for, and the two would wait for each other.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from loyalty_worker.database.connection import connection
from loyalty_worker.database.migration_files import (
    MigrationError,
    MigrationFolder,
    SqlFile,
    VersionFile,
    read_migrations,
)
from loyalty_worker.database.migration_state import (
    CREATE_TABLES,
    MigrationPlan,
    VersionStatus,
    read_state,
)

LOCK_WAIT_SECONDS = 60.0

_LOCK_KEY = 0x6C6F79616C7479  # "loyalty"
_LOCK_POLL_SECONDS = 0.2
# A version that waits longer for a table lock holds up the traffic queued behind it.
_TABLE_LOCK_TIMEOUT = "10s"
_READERS = ("loyalty_worker", "loyalty_operator", "loyalty_readonly")


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What one run did: the versions it applied, whether it replaced functions, where it stands."""

    applied: tuple[str, ...]
    functions_replaced: bool
    version: int


async def migrate_up(
    url: str, *, folder: Path | None = None, lock_wait_seconds: float = LOCK_WAIT_SECONDS
) -> MigrationReport:
    """Bring the database of `url` (the owner's login) to the newest version.

    Raises `MigrationError` when files and history disagree, a file fails (it leaves nothing
    behind; versions before it stay) or another runner holds the lock too long, and
    `DatabaseUnavailable`.
    """
    migrations = read_migrations(folder)
    async with _owner(url) as owner:
        await _be_the_only_runner(owner, lock_wait_seconds)
        await owner.execute(CREATE_TABLES)
        plan = (await read_state(owner)).plan(migrations)
        for version in plan.versions:
            await _run_version(owner, version)
        if not plan.empty:
            await _replace_functions(owner, migrations)
    return MigrationReport(
        applied=tuple(version.name for version in plan.versions),
        functions_replaced=not plan.empty,
        version=migrations.newest,
    )


async def plan(url: str, *, folder: Path | None = None) -> MigrationPlan:
    """Return what `migrate_up` would do, changing nothing; raises as it does."""
    migrations = read_migrations(folder)
    async with _owner(url) as owner:
        return (await read_state(owner)).plan(migrations)


async def status(url: str, *, folder: Path | None = None) -> list[VersionStatus]:
    """Return each version and how it stands; raises `DatabaseUnavailable`."""
    migrations = read_migrations(folder)
    async with _owner(url) as owner:
        return (await read_state(owner)).compare(migrations)


def _owner(url: str) -> AbstractAsyncContextManager[asyncpg.Connection]:
    return connection(
        url,
        application_name="loyalty-migrate",
        server_settings={"search_path": "public", "statement_timeout": "0", "lock_timeout": "0"},
    )


async def _be_the_only_runner(owner: asyncpg.Connection, wait_seconds: float) -> None:
    """Take the lock that only one session has; it ends with the connection."""
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while not await owner.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if asyncio.get_running_loop().time() >= deadline:
            raise MigrationError(
                f"another migration of this database has been running for {wait_seconds:g} s; "
                "wait for it, or look for application_name loyalty-migrate in pg_stat_activity"
            )
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def _run_version(owner: asyncpg.Connection, file: VersionFile) -> None:
    if not file.in_transaction:
        await _execute(owner, "versions", file)
        await _record_version(owner, file)
        return
    async with owner.transaction():
        await owner.execute(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_TIMEOUT}'")
        await _execute(owner, "versions", file)
        if not owner.is_in_transaction():
            raise MigrationError(
                f"versions/{file.name} ends the transaction it runs in: take COMMIT and ROLLBACK "
                "out of it, and look at what it left behind"
            )
        await _record_version(owner, file)


async def _record_version(owner: asyncpg.Connection, file: VersionFile) -> None:
    await owner.execute(
        "INSERT INTO public.schema_migration (version, name, checksum, oldest_worker)"
        " VALUES ($1, $2, $3, $4)",
        file.version,
        file.name,
        file.checksum,
        file.oldest_worker,
    )


async def _replace_functions(owner: asyncpg.Connection, migrations: MigrationFolder) -> None:
    async with owner.transaction():
        # functions call each other, and come in the order of their names
        await owner.execute("SET LOCAL check_function_bodies = off")
        for file in migrations.functions:
            await _execute(owner, "functions", file)
        await owner.execute("DELETE FROM public.schema_function")
        await owner.executemany(
            "INSERT INTO public.schema_function (name, checksum) VALUES ($1, $2)",
            [(file.name, file.checksum) for file in migrations.functions],
        )
        await _let_workers_read(owner)


async def _let_workers_read(owner: asyncpg.Connection) -> None:
    roles = await owner.fetch(
        "SELECT quote_ident(rolname) AS name FROM pg_roles WHERE rolname = ANY($1)", _READERS
    )
    for role in roles:
        await owner.execute(
            f"GRANT SELECT ON public.schema_migration, public.schema_function TO {role['name']}"
        )


async def _execute(owner: asyncpg.Connection, kind: str, file: SqlFile) -> None:
    try:
        await owner.execute(file.sql)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{kind}/{file.name} failed: {_explain(error, file.sql)}") from None


def _explain(error: asyncpg.PostgresError, sql: str) -> str:
    """Say what PostgreSQL said, but only where its text cannot hold a row's values."""
    state = error.sqlstate or "none"
    position = getattr(error, "position", None)
    line = f", line {sql.count(chr(10), 0, int(position)) + 1}" if position else ""
    if state.startswith("42"):
        return f"{error.args[0]} (SQLSTATE {state}{line})"
    about = getattr(error, "constraint_name", None) or getattr(error, "table_name", None)
    return f"SQLSTATE {state} {type(error).__name__}{f' about {about}' if about else ''}{line}"
