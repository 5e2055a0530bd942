"""One connection for one task, and the clear word when it cannot be had."""

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from loyalty_worker.postgres_url import read_postgres_url

CONNECT_TIMEOUT_SECONDS = 10.0

_HINTS = {
    "28P01": "check the password in the URL",
    "28000": "check the login's name, and pg_hba.conf on the server",
    "3D000": "check the database's name in the URL, or create it",
    "53300": "the server has no free connection: check max_connections and who holds them",
    "42704": "the server does not know a parameter of the URL: take it out",
    "57P03": "the server is starting up or shutting down: try again in a moment",
}


# The first that fits: some are subclasses of those below them.
_CAUSES: tuple[tuple[type[Exception], str, str], ...] = (
    (
        TimeoutError,
        "no answer within {timeout:g} s",
        "check the address, and that nothing between drops the packets",
    ),
    (
        ssl.SSLError,
        "the TLS handshake failed ({detail})",
        "check sslmode, sslrootcert and the server's certificate",
    ),
    (
        ValueError,
        "the URL's parameters cannot be used",
        "check sslmode, and that sslrootcert names the certificates to trust",
    ),
    (
        FileNotFoundError,
        "a file or socket that the URL names is not there",
        "check the host, sslrootcert, sslcert, sslkey and passfile",
    ),
    (PermissionError, "a file that the URL names may not be read", "check the files' owner"),
    (socket.gaierror, "the host's name is not known", "check the host in the URL"),
    (
        Exception,
        "not reachable ({detail})",
        "check the URL, and that the server runs and listens there",
    ),
)
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class DatabaseUnavailable(Exception):  # noqa: N818 - a state of the outside, not a mistake here
    """PostgreSQL could not be reached, or refused the login.

    The text is safe to print: place, cause and what to check; never a login or a driver's text.
    """

    def __init__(self, place: str, cause: str, hint: str) -> None:
        super().__init__(f"PostgreSQL at {place}: {cause}; {hint}")
        self.place = place


@asynccontextmanager
async def connection(
    url: str,
    *,
    application_name: str,
    server_settings: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection and close it at the end; raises `DatabaseUnavailable`."""
    opened = await _open(
        url,
        {"application_name": application_name, **(server_settings or {})},
        timeout_seconds,
    )
    try:
        yield opened
    finally:
        try:
            await opened.close(timeout=CONNECT_TIMEOUT_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # the work is done or its own error is on the way: a lost farewell adds nothing
            opened.terminate()


async def _open(
    url: str, server_settings: Mapping[str, str], timeout_seconds: float | None
) -> asyncpg.Connection:
    try:
        address = read_postgres_url(url)
    except ValueError as error:
        raise DatabaseUnavailable("the URL given", f"it {error}", "correct the setting") from None
    timeout = timeout_seconds or address.connect_timeout or CONNECT_TIMEOUT_SECONDS
    try:
        return await asyncpg.connect(
            address.dsn, timeout=timeout, server_settings=dict(server_settings)
        )
    except (*_DRIVER_ERRORS, OSError, ValueError) as error:
        raise DatabaseUnavailable(address.place, *_explain(error, timeout)) from None


def _explain(error: Exception, timeout: float) -> tuple[str, str]:
    """Return cause and hint; the driver's own text can hold the URL."""
    if isinstance(error, asyncpg.PostgresError):
        hint = _HINTS.get(error.sqlstate or "", "look the SQLSTATE up in the server's log")
        return f"refused the connection (SQLSTATE {error.sqlstate})", hint
    if type(error) is ConnectionError:
        # asyncpg's word, and no subclass's, for a server that answers TLS with no
        return "the server does not offer TLS", "switch TLS on there, or check sslmode"
    detail = getattr(error, "reason", None) or type(error).__name__
    for kind, cause, hint in _CAUSES:
        if isinstance(error, kind):
            return cause.format(detail=detail, timeout=timeout), hint
    raise AssertionError("the last cause is for every other error")
