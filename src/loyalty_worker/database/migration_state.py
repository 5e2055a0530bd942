"""What a database has of the migrations: the runner's two tables, and how they compare.

`schema_migration` has a row for each applied version, `schema_function` one for each function
file as it was last applied. A worker may read both: that is how it knows that its database is
new enough.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from loyalty_worker.database.migration_files import (
    MigrationError,
    MigrationFolder,
    SqlFile,
    VersionFile,
)

CREATE_TABLES = """
CREATE TABLE IF NOT EXISTS public.schema_migration (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    checksum text NOT NULL,
    oldest_worker integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS public.schema_function (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""


class MigrationStatus(StrEnum):
    """How a version's file and its row compare."""

    APPLIED = "applied"
    PENDING = "pending"
    EDITED = "edited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version; `applied_at` is None while pending. `unknown` has a row but no file."""

    version: int
    name: str
    status: MigrationStatus
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What `up` would do: versions to run in order, and function files that are new or changed.

    Functions are replaced as a whole folder when any of them is.
    """

    versions: tuple[VersionFile, ...]
    functions: tuple[SqlFile, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.versions and not self.functions


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The rows of both tables; empty where the tables are not there yet."""

    versions: dict[int, asyncpg.Record]
    functions: dict[str, str]

    def compare(self, folder: MigrationFolder) -> list[VersionStatus]:
        """Return one status per version known to either side, in order."""
        files = {file.version: file for file in folder.versions}
        return [
            _compare(number, files.get(number), self.versions.get(number))
            for number in sorted(files.keys() | self.versions.keys())
        ]

    def plan(self, folder: MigrationFolder) -> MigrationPlan:
        """Return what is left to do; raises `MigrationError` where the histories part."""
        comparison = self.compare(folder)
        pending_from = folder.newest + 1
        for status in comparison:
            if status.status is MigrationStatus.PENDING:
                pending_from = min(pending_from, status.version)
            elif status.version > pending_from:
                raise MigrationError(
                    f"version {pending_from:04d} is not applied but {status.version:04d} is: "
                    "somebody changed schema_migration by hand; restore its rows"
                )
            _refuse_divergence(status, folder.newest)
        return MigrationPlan(
            versions=folder.versions[pending_from - 1 :],
            functions=tuple(
                file for file in folder.functions if self.functions.get(file.name) != file.checksum
            ),
        )


async def read_state(connection: asyncpg.Connection) -> DatabaseState:
    """Read both tables."""
    if not await connection.fetchval("SELECT to_regclass('public.schema_function') IS NOT NULL"):
        return DatabaseState({}, {})
    versions = await connection.fetch(
        "SELECT version, name, checksum, oldest_worker, applied_at FROM public.schema_migration"
    )
    functions = await connection.fetch("SELECT name, checksum FROM public.schema_function")
    return DatabaseState(
        {row["version"]: row for row in versions},
        {row["name"]: row["checksum"] for row in functions},
    )


def _compare(number: int, file: VersionFile | None, row: asyncpg.Record | None) -> VersionStatus:
    if row is None:
        if file is None:
            raise AssertionError("a version comes from a file or from a row")
        return VersionStatus(number, file.name, MigrationStatus.PENDING, None)
    if file is None:
        status = MigrationStatus.UNKNOWN
    elif (file.name, file.checksum) != (row["name"], row["checksum"]):
        status = MigrationStatus.EDITED
    else:
        status = MigrationStatus.APPLIED
    return VersionStatus(number, row["name"], status, row["applied_at"])


def _refuse_divergence(status: VersionStatus, newest: int) -> None:
    if status.status is MigrationStatus.UNKNOWN:
        raise MigrationError(
            f"the database has version {status.name}, this package ends at {newest:04d}: "
            "migrate with the newer package"
        )
    if status.status is MigrationStatus.EDITED:
        raise MigrationError(
            f"versions/{status.name} was applied at {status.applied_at:%Y-%m-%d %H:%M} UTC and "
            "is another file now: put the applied text back, and write the change as a new version"
        )
