"""A deployment's logins and databases on a PostgreSQL server, made through its superuser.

As operators make them: an owner that migrates and owns the objects, and one login each for the
worker, the operator's commands, readers, and the two gateways through which people act; they get
their rights from the group roles that the migrations create.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may log in."""

    name: str
    password: str = field(repr=False)

    def url(self, server_url: str, database: str) -> str:
        """Return this login's address of a database on the server of `server_url`."""
        server = urlsplit(server_url)
        address = server.netloc.rpartition("@")[2]
        return server._replace(
            netloc=f"{self.name}:{self.password}@{address}", path=f"/{database}"
        ).geturl()


@dataclass(frozen=True, slots=True)
class Logins:
    """The logins of a deployment; `token_gateway` has rights only after SET ROLE (NOINHERIT)."""

    owner: Login
    worker: Login
    operator: Login
    readonly: Login
    staff_gateway: Login
    token_gateway: Login


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """One database, as each login reaches it; the addresses hold passwords."""

    name: str
    superuser: str = field(repr=False)
    owner: str = field(repr=False)
    worker: str = field(repr=False)
    operator: str = field(repr=False)
    readonly: str = field(repr=False)
    staff_gateway: str = field(repr=False)
    token_gateway: str = field(repr=False)


@asynccontextmanager
async def _session(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def database_url(server_url: str, database: str) -> str:
    """Return the address of another database, for the login of `server_url`."""
    return urlsplit(server_url)._replace(path=f"/{database}").geturl()


async def create_logins(superuser_url: str, prefix: str = "loyalty") -> Logins:
    """Create a deployment's logins with passwords of their own; their names begin with `prefix`.

    They have no rights yet, but for the owner, who may create roles; see `grant_group_roles`.
    """
    names = ("owner", "app", "ops", "reader", "desk", "token")
    logins = Logins(*(Login(f"{prefix}_{name}", secrets.token_urlsafe(18)) for name in names))
    async with _session(superuser_url) as superuser:
        for login, rights in (
            (logins.owner, "CREATEROLE"),
            (logins.worker, ""),
            (logins.operator, ""),
            (logins.readonly, ""),
            (logins.staff_gateway, ""),
            (logins.token_gateway, "NOINHERIT"),
        ):
            # Neither the name nor the password can hold a quote.
            await superuser.execute(
                f"CREATE ROLE {login.name} LOGIN {rights} PASSWORD '{login.password}'"
            )
    return logins


async def create_database(
    superuser_url: str, name: str, logins: Logins, template: str | None = None
) -> DatabaseUrls:
    """Create a database that belongs to the owner: empty, or a copy of `template`."""
    # By copying files: that takes less work than the default, the copy by way of the log.
    source = "template0" if template is None else f"{template} STRATEGY FILE_COPY"
    async with _session(superuser_url) as superuser:
        await superuser.execute(
            f"CREATE DATABASE {name} OWNER {logins.owner.name} TEMPLATE {source}"
        )
    return DatabaseUrls(
        name=name,
        superuser=database_url(superuser_url, name),
        owner=logins.owner.url(superuser_url, name),
        worker=logins.worker.url(superuser_url, name),
        operator=logins.operator.url(superuser_url, name),
        readonly=logins.readonly.url(superuser_url, name),
        staff_gateway=logins.staff_gateway.url(superuser_url, name),
        token_gateway=logins.token_gateway.url(superuser_url, name),
    )


async def drop_database(superuser_url: str, name: str) -> None:
    """Drop a database, if it is there, and end whatever is still connected to it."""
    async with _session(superuser_url) as superuser:
        await superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def grant_group_roles(superuser_url: str, logins: Logins) -> None:
    """Make the logins members of the migrations' group roles; holds for the whole server."""
    async with _session(superuser_url) as superuser:
        for login, group in (
            (logins.worker, "loyalty_worker"),
            (logins.operator, "loyalty_operator"),
            (logins.readonly, "loyalty_readonly"),
            (logins.staff_gateway, "loyalty_staff"),
            (logins.token_gateway, "loyalty_postgrest"),
        ):
            await superuser.execute(f"GRANT {group} TO {login.name}")


async def drop_logins(superuser_url: str, logins: Logins) -> None:
    """Drop the logins, once their databases are dropped; the group roles stay."""
    async with _session(superuser_url) as superuser:
        # What the owner gave to others on the group roles goes with it.
        await superuser.execute(f"DROP OWNED BY {logins.owner.name}")
        for member in fields(logins):
            await superuser.execute(f"DROP ROLE {getattr(logins, member.name).name}")
