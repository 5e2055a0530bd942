"""The group roles, which the databases of a cluster share."""

import asyncio

from loyalty_worker.database.migrate import migrate_up
from loyalty_worker.embedded.logins import create_database, create_logins
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from sqltools import connected

_DATABASES = 4


async def test_migrations_of_several_databases_at_once_share_the_roles(
    private_postgres: EmbeddedPostgres,
) -> None:
    superuser_url = private_postgres.superuser_url
    logins = await create_logins(superuser_url)
    databases = [
        await create_database(superuser_url, f"casinos_{number}", logins)
        for number in range(_DATABASES)
    ]
    reports = await asyncio.gather(*(migrate_up(database.owner) for database in databases))

    assert len({report.version for report in reports}) == 1
    async with connected(superuser_url) as superuser:
        roles = await superuser.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'loyalty\\_%' AND NOT rolcanlogin"
        )
    assert {name for (name,) in roles} == {
        "loyalty_worker",
        "loyalty_staff",
        "loyalty_postgrest",
        "loyalty_operator",
        "loyalty_readonly",
    }
