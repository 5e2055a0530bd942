"""Connections to a migrated database of the test's own, one for each role."""

import uuid
from collections.abc import AsyncIterator

import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
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
