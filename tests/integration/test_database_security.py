"""TLS towards PostgreSQL: a proxy that speaks it stands in front of the real server.

The packaged servers have no OpenSSL inside; what is under test is our side of the handshake.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from command import loyalty
from loyalty_worker.embedded.addresses import HOST
from loyalty_worker.embedded.logins import DatabaseUrls

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def _tls_proxy(url: str, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            behind = await asyncio.open_connection(server.hostname, server.port)
            await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))
            await behind[1].wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()

    async with await asyncio.start_server(serve, HOST, 0) as proxy:
        yield proxy.sockets[0].getsockname()[1]


def _through(url: str, port: int, authority: Path) -> str:
    login = urlsplit(url).netloc.rpartition("@")[0]
    path = urlsplit(url).path
    return f"postgresql://{login}@{HOST}:{port}{path}?sslmode=verify-full&sslrootcert={authority}"


@pytest.mark.parametrize(
    ("identity", "trusted", "status"),
    [
        (HOST, True, 0),
        ("db.example", True, 4),
        (HOST, False, 4),
    ],
    ids=["vouched for", "another host's name", "vouched for by a stranger"],
)
async def test_verify_full_reaches_the_named_server_and_no_other(
    database: DatabaseUrls, tmp_path: Path, identity: str, status: int, *, trusted: bool
) -> None:
    ours, stranger = trustme.CA(), trustme.CA()
    authority = tmp_path / "authority.pem"
    (ours if trusted else stranger).cert_pem.write_to_path(str(authority))

    async with _tls_proxy(database.operator, ours.issue_cert(identity)) as port:
        run = await loyalty(
            "casino", "list", OPERATOR_DATABASE_URL=_through(database.operator, port, authority)
        )

    assert run.returncode == status, run.stderr
    if status:
        (line,) = run.stderr.splitlines()
        assert "the TLS handshake failed (CERTIFICATE_VERIFY_FAILED)" in line
        assert "sslrootcert" in line


async def test_a_server_without_tls_is_refused_when_verify_full_is_asked_for(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    port = urlsplit(database.operator).port

    run = await loyalty(
        "casino",
        "list",
        OPERATOR_DATABASE_URL=_through(database.operator, port or 0, authority),
    )

    assert run.returncode == 4
    (line,) = run.stderr.splitlines()
    assert "the server does not offer TLS" in line


async def test_a_root_certificate_that_is_not_there_is_told_in_one_line(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    run = await loyalty(
        "casino",
        "list",
        OPERATOR_DATABASE_URL=_through(database.operator, 1, tmp_path / "missing.pem"),
    )

    assert run.returncode == 4
    (line,) = run.stderr.splitlines()
    assert "a file or socket that the URL names is not there" in line
