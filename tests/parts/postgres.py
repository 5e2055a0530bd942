"""PostgreSQL for a session's tests, and migrated databases on it.

`LOYALTY_TEST_POSTGRES_BINARIES` names the `bin` folder of another PostgreSQL, 15 or later, to be
started in place of the package's.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from testcontainers.community.postgres import PostgresContainer

from loyalty_worker.database.migrate import migrate_up
from loyalty_worker.embedded.logins import (
    DatabaseUrls,
    Logins,
    create_database,
    create_logins,
    drop_database,
    drop_logins,
    grant_group_roles,
)
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.postgres_binaries import (
    PostgresBinaries,
    installed_binaries,
    postgres_binaries,
)
from loyalty_worker.embedded.processes import temporary_directory
from parts.blocking import wait_for
from parts.memory import memory_folder
from parts.source import Part, Source, started

ADDRESS_VARIABLE = "LOYALTY_TEST_POSTGRES"
BINARIES_VARIABLE = "LOYALTY_TEST_POSTGRES_BINARIES"
NAME = "PostgreSQL"
_IMAGE = "postgres:18.6"
# The session's server makes hundreds of databases, and no test crashes it or measures on it; the
# private servers, which are crashed, keep what they promise.
_WITHOUT_SYNC = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def chosen_binaries() -> PostgresBinaries:
    """Return the programs that the embedded servers of this session run."""
    folder = os.environ.get(BINARIES_VARIABLE)
    return installed_binaries(Path(folder)) if folder else postgres_binaries()


async def _server_version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        version: str = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    return version.split(maxsplit=1)[0]


@contextmanager
def _superuser_url(source: Source) -> Iterator[str]:
    if source is Source.ENVIRONMENT:
        yield os.environ[ADDRESS_VARIABLE]
    elif source is Source.CONTAINER:
        with PostgresContainer(_IMAGE, driver=None) as container:
            yield container.get_connection_url()
    else:
        with (
            temporary_directory(within=memory_folder()) as directory,
            EmbeddedPostgres(directory, _WITHOUT_SYNC, binaries=chosen_binaries()) as server,
        ):
            yield server.superuser_url


@contextmanager
def _server(source: Source) -> Iterator[Part]:
    with _superuser_url(source) as url:
        yield Part(NAME, source, url, wait_for(_server_version(url)))


def postgres_part() -> AbstractContextManager[Part]:
    """Give a server; its address is a superuser's URL."""
    return started(NAME, ADDRESS_VARIABLE, _server)


async def migrated_database(superuser_url: str, name: str, logins: Logins) -> DatabaseUrls:
    """Create a database, migrate it as its owner and give the logins their rights."""
    urls = await create_database(superuser_url, name, logins)
    await migrate_up(urls.owner)
    await grant_group_roles(superuser_url, logins)
    return urls


@dataclass(frozen=True, slots=True)
class Databases:
    """Makes databases on one server, all for the same logins; `template` is migrated, unused."""

    superuser_url: str
    logins: Logins
    template: str

    @contextmanager
    def migrated(self) -> Iterator[DatabaseUrls]:
        """Give a fresh migrated database; it is dropped at the end."""
        with self._database(self.template) as urls:
            yield urls

    @contextmanager
    def empty(self) -> Iterator[DatabaseUrls]:
        """Give a fresh database without any object; it is dropped at the end."""
        with self._database(None) as urls:
            yield urls

    @contextmanager
    def _database(self, template: str | None) -> Iterator[DatabaseUrls]:
        name = f"loyalty_{uuid.uuid4().hex[:12]}"
        urls = wait_for(create_database(self.superuser_url, name, self.logins, template))
        try:
            yield urls
        finally:
            wait_for(drop_database(self.superuser_url, name))


@contextmanager
def databases_on(superuser_url: str) -> Iterator[Databases]:
    """Give a maker of databases; its template and logins are dropped at the end.

    Their names are the session's own: several may share a server. The group roles stay.
    """
    session = f"loyalty_{uuid.uuid4().hex[:8]}"
    logins = wait_for(create_logins(superuser_url, session))
    template = f"{session}_template"
    try:
        wait_for(migrated_database(superuser_url, template, logins))
        yield Databases(superuser_url, logins, template)
    finally:
        wait_for(drop_database(superuser_url, template))
        wait_for(drop_logins(superuser_url, logins))
