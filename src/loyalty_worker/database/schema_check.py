"""Whether a database is new enough for this worker, and still made for it."""

import asyncpg

from loyalty_worker.database.migration_files import MigrationFolder, read_migrations
from loyalty_worker.database.migration_state import read_state


def required_version() -> int:
    """Return the schema version that this package was written for."""
    return read_migrations().newest


async def schema_problem(connection: asyncpg.Connection, migrations: MigrationFolder) -> str | None:
    """Return why a worker cannot work on this database, or None.

    A database that is newer is fine, so that a rolling upgrade stays ready, unless one of its
    versions says `oldest-worker` above ours, or a function that we know was dropped. Needs no
    more than the worker's login; driver errors pass through.
    """
    state = await read_state(connection)
    applied = max(state.versions, default=0)
    if applied < migrations.newest:
        return (
            f"database schema is at version {applied}, this worker needs {migrations.newest}: "
            "run `loyalty migrate up`"
        )
    missing = {file.name for file in migrations.functions} - state.functions.keys()
    if missing:
        return (
            f"database lacks the functions of {', '.join(sorted(missing))}: "
            "run `loyalty migrate up`, or upgrade this worker"
        )
    oldest = max((row["oldest_worker"] for row in state.versions.values()), default=0)
    if oldest > migrations.newest:
        return f"database schema needs workers of version {oldest} or later: upgrade this worker"
    return None
