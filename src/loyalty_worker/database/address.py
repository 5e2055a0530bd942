"""Reading a `postgresql://` URL: where it leads, for messages and for the driver."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_CONNECT_TIMEOUT = "connect_timeout"
_CLIENT_ONLY = frozenset(
    {
        _CONNECT_TIMEOUT,
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL made ready for the driver.

    `dsn` lacks the libpq parameters that belong to libpq's own sockets: asyncpg would send them
    to the server as settings, and the server would refuse them. `connect_timeout` is libpq's, in
    seconds, None where the URL gives none. `place` names host, port and database for messages,
    never a login.
    """

    dsn: str
    place: str
    connect_timeout: float | None


def read_address(url: str) -> Address:
    """Split a `postgresql://` URL; raises ValueError (without the URL) when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("not a postgresql:// URL") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("not a postgresql:// URL")
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    given = dict(parameters)
    try:
        timeout = float(given[_CONNECT_TIMEOUT]) if _CONNECT_TIMEOUT in given else None
    except ValueError:
        raise ValueError("connect_timeout is not a number of seconds") from None
    kept = [(name, value) for name, value in parameters if name not in _CLIENT_ONLY]
    return Address(
        dsn=urlunsplit(parts._replace(query=urlencode(kept))),
        place=_place(parts.netloc, parts.path, given),
        # libpq reads 0 as "wait for ever"; nothing here waits for ever
        connect_timeout=timeout or None,
    )


def _place(netloc: str, path: str, parameters: dict[str, str]) -> str:
    hosts = parameters.get("host") or unquote(netloc.rpartition("@")[2]) or "the local socket"
    port = parameters.get("port")
    database = parameters.get("dbname") or unquote(path.lstrip("/")) or "the login's own"
    return f"{hosts}{f':{port}' if port else ''}, database {database}"
