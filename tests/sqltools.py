"""What tests of the running worker ask of the database, as the roles that may."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from loyalty_worker.embedded.logins import DatabaseUrls


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def as_operator(
    database: DatabaseUrls, casino_id: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a transaction of the operator with one casino as its scope."""
    async with connected(database.operator) as connection, connection.transaction():
        await connection.execute(
            "SELECT set_service_context($1, $2)", [uuid.UUID(casino_id)], "test"
        )
        yield connection


async def add_casino(database: DatabaseUrls, casino_id: str, name: str = "Casino Test") -> None:
    """Provision a casino."""
    async with as_operator(database, casino_id) as connection:
        await connection.execute("SELECT add_casino($1, $2)", uuid.UUID(casino_id), name)


async def drift_of(database: DatabaseUrls, casino_id: str) -> list[asyncpg.Record]:
    """Return what the drift check finds in one casino."""
    async with as_operator(database, casino_id) as connection:
        return list(
            await connection.fetch(
                "SELECT * FROM check_loyalty_balance_drift($1)", uuid.UUID(casino_id)
            )
        )


async def row_of(database: DatabaseUrls, query: str) -> asyncpg.Record:
    """Return the one row that a superuser reads."""
    async with connected(database.superuser) as connection:
        (row,) = await connection.fetch(query)
    return row


async def value_of(database: DatabaseUrls, query: str, *arguments: object) -> int:
    """Return one number that a superuser reads."""
    async with connected(database.superuser) as connection:
        value: int = await connection.fetchval(query, *arguments)
    return value


async def fail_slips(database: DatabaseUrls, condition: str, sqlstate: str) -> None:
    """Let the database fail for slips whose new row fulfils a condition, such as a full disk."""
    async with connected(database.superuser) as connection:
        await connection.execute(
            "CREATE OR REPLACE FUNCTION fail_slips() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '{sqlstate}'; END$$"
        )
        await connection.execute("GRANT EXECUTE ON FUNCTION fail_slips() TO PUBLIC")
        await connection.execute(
            "CREATE OR REPLACE TRIGGER fail_slips BEFORE INSERT ON rating_slip FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION fail_slips()"
        )


async def mend_slips(database: DatabaseUrls) -> None:
    """End what `fail_slips` began."""
    async with connected(database.superuser) as connection:
        await connection.execute("DROP TRIGGER fail_slips ON rating_slip")


async def lose(database: DatabaseUrls, what: str) -> int:
    """Delete rows (`TABLE WHERE …`) that no login may touch; return how many there were.

    What a damaged disk or an owner without scruples does: no trigger speaks.
    """
    table = what.partition(" ")[0]
    async with connected(database.superuser) as connection, connection.transaction():
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        done = await connection.execute(f"DELETE FROM {what}")  # noqa: S608 - the tests' own
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    return int(done.rpartition(" ")[2])


async def seem_busy(database: DatabaseUrls) -> None:
    """Make it look as if records were posted all the time, elsewhere."""
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "INSERT INTO consumer_progress"
            " (consumer_group, topic, partition, generation, first_offset, next_offset, updated_at)"
            " VALUES ('elsewhere', 'elsewhere', 0, 1, 0, 0, now() + interval '1 hour')"
        )
