"""Reading a `postgresql://` URL once, for the driver, for the rules about TLS, and for messages."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.%/-]*)(?::(?P<port>\d+))?")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})
_LIBPQ_SOCKET_PARAMETERS = frozenset(
    {
        "connect_timeout",
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
_MASK = "********"


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A URL taken apart.

    `dsn` is for asyncpg: without the parameters of libpq's own sockets, which asyncpg would send
    to the server as settings. `hosts` are all that are named (an empty tuple means the local
    socket); `service` says that a service file may name others. `place` and `masked` are safe to
    print. `connect_timeout` is in seconds, None where not given (or 0, libpq's "for ever").
    """

    dsn: str
    hosts: tuple[str, ...]
    service: bool
    sslmode: str | None
    connect_timeout: float | None
    place: str
    masked: str


def read_postgres_url(url: str) -> PostgresUrl:
    """Take a URL apart; raises ValueError, whose text never repeats any of it."""
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("is not a postgresql:// URL") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("is not a postgresql:// URL")
    login, _, named = parts.netloc.rpartition("@")
    if "@" in login + parts.path + parts.query or parts.fragment:
        raise ValueError("has special characters that must be percent-encoded (@ as %40, # as %23)")
    given = dict(parameters)
    hosts = [
        *_hosts(named),
        *(host for host in given.get("host", "").split(",") if host),
    ]
    kept = [item for item in parameters if item[0] not in _LIBPQ_SOCKET_PARAMETERS]
    shown = [(name, _MASK if name in _SECRET_PARAMETERS else value) for name, value in parameters]
    user, colon, _ = login.partition(":")
    netloc = f"{user}{':' + _MASK if colon else ''}@{named}" if login else named
    return PostgresUrl(
        dsn=_join(parts.netloc, parts.path, urlencode(kept)),
        hosts=tuple(hosts),
        service="service" in given,
        sslmode=given.get("sslmode"),
        connect_timeout=_seconds(given.get("connect_timeout")),
        place=_place(named, given, unquote(parts.path.lstrip("/"))),
        masked=_join(netloc, parts.path, urlencode(shown, safe="*/,:")),
    )


def _join(netloc: str, path: str, query: str) -> str:
    return f"postgresql://{netloc}{path}{f'?{query}' if query else ''}"


def _hosts(named: str) -> list[str]:
    hosts = []
    for part in named.split(",") if named else []:
        match = _HOST_AND_PORT.fullmatch(part)
        if match is None:
            raise ValueError(
                "has an unreadable host or port (percent-encode special characters of a password)"
            )
        if match["host"]:
            hosts.append(unquote(match["host"]).strip("[]"))
    return hosts


def _seconds(value: str | None) -> float | None:
    try:
        return float(value or 0) or None
    except ValueError:
        raise ValueError("has a connect_timeout that is not a number of seconds") from None


def _place(named: str, given: dict[str, str], database: str) -> str:
    host = unquote(named) or given.get("host") or "the local socket"
    port = f":{given['port']}" if "port" in given else ""
    database = database or given.get("dbname") or given.get("database") or ""
    return f"{host}{port}{f', database {database}' if database else ''}"
