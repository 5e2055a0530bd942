"""The migration files: what they are called, what their heads say, and their checksums.

`versions/NNNN_verb_object.sql` run once, in order. `functions/NAME.sql` hold one SQL function
each and are replaced as a whole folder. A version's leading comment lines may carry:

    -- migrate: no-transaction
        the one statement of the file runs outside of a transaction (CREATE INDEX CONCURRENTLY)
    -- migrate: oldest-worker NNNN
        workers whose own newest version is older than NNNN cannot work from here on
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from loyalty_worker.resources import resource_folder

_VERSION_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_DIRECTIVE = re.compile(r"--\s*migrate:\s*(.*\S)\s*")
_OLDEST_WORKER = re.compile(r"oldest-worker (\d{4})")


class MigrationError(Exception):
    """A migration that was refused or failed; the text says which file, why and what to do."""


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file; `checksum` is the SHA-256 of its text with Unix line ends, in hex."""

    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class VersionFile(SqlFile):
    """One numbered file; `oldest_worker` is 0 where it breaks no earlier worker."""

    version: int
    in_transaction: bool
    oldest_worker: int


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """All versions, numbered 1..n without a gap, and all functions, by name."""

    versions: tuple[VersionFile, ...]
    functions: tuple[SqlFile, ...]

    @property
    def newest(self) -> int:
        """The number of the last version, 0 where there is none."""
        return len(self.versions)


def read_migrations(folder: Path | None = None) -> MigrationFolder:
    """Read the packaged migrations, or those of `folder`; raises `MigrationError`."""
    root = resource_folder("migrations") if folder is None else folder
    versions = tuple(_version(path) for path in sorted((root / "versions").glob("*.sql")))
    for expected, version in enumerate(versions, start=1):
        if version.version != expected:
            raise MigrationError(
                f"versions/{version.name}: expected number {expected:04d} here; "
                "versions are numbered from 0001 without gap or repetition"
            )
    functions = tuple(_sql_file(path) for path in sorted((root / "functions").glob("*.sql")))
    return MigrationFolder(versions, functions)


def _sql_file(path: Path) -> SqlFile:
    sql = path.read_text(encoding="utf-8")
    return SqlFile(path.name, sql, hashlib.sha256(sql.encode()).hexdigest())


def _version(path: Path) -> VersionFile:
    named = _VERSION_NAME.fullmatch(path.name)
    if named is None:
        raise MigrationError(f"versions/{path.name}: a version is called NNNN_verb_object.sql")
    file = _sql_file(path)
    in_transaction, oldest_worker = True, 0
    for directive in _directives(file.sql):
        if directive == "no-transaction":
            in_transaction = False
        elif breaking := _OLDEST_WORKER.fullmatch(directive):
            oldest_worker = int(breaking[1])
        else:
            raise MigrationError(
                f"versions/{path.name}: unknown directive {directive!r}; "
                "known are no-transaction and oldest-worker NNNN"
            )
    return VersionFile(
        file.name, file.sql, file.checksum, int(named[1]), in_transaction, oldest_worker
    )


def _directives(sql: str) -> list[str]:
    found = []
    for line in sql.splitlines():
        if line.strip() and not line.startswith("--"):
            break
        if match := _DIRECTIVE.fullmatch(line):
            found.append(match[1])
    return found
