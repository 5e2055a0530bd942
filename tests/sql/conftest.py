"""Connections to a migrated database of the test's own, one for each role."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from parts.postgres import Databases
from sqlslips import Connection
from sqlstaff import Desk, desk_at
from sqltools import add_casino, connected


@pytest.fixture
async def worker(database: DatabaseUrls) -> AsyncIterator[Connection]:
    async with connected(database.worker) as connection:
        yield connection


@pytest.fixture
async def operator(database: DatabaseUrls) -> AsyncIterator[Connection]:
    async with connected(database.operator) as connection:
        yield connection


@pytest.fixture
async def readonly(database: DatabaseUrls) -> AsyncIterator[Connection]:
    async with connected(database.readonly) as connection:
        yield connection


@pytest.fixture
async def owner(database: DatabaseUrls) -> AsyncIterator[Connection]:
    async with connected(database.owner) as connection:
        yield connection


@pytest.fixture
async def superuser(database: DatabaseUrls) -> AsyncIterator[Connection]:
    async with connected(database.superuser) as connection:
        yield connection


@pytest.fixture
async def casino(database: DatabaseUrls) -> uuid.UUID:
    """A provisioned casino with the default settings."""
    casino_id = uuid.uuid4()
    await add_casino(database, str(casino_id))
    return casino_id


@pytest.fixture(scope="session")
def shared_database(databases: Databases) -> Iterator[DatabaseUrls]:
    """A migrated database for tests that look at no other casino than their own."""
    with databases.migrated() as urls:
        yield urls


@pytest.fixture
async def desk(shared_database: DatabaseUrls) -> AsyncIterator[Desk]:
    """A casino of the test's own with one member of staff for each role."""
    async with desk_at(shared_database) as made:
        yield made


@pytest.fixture
async def neighbour(shared_database: DatabaseUrls) -> AsyncIterator[Desk]:
    """Another casino of the test's own."""
    async with desk_at(shared_database) as made:
        yield made
