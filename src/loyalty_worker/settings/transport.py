"""Rules about who may be talked to, and how: both transports, in plaintext only on this machine.

Plaintext Kafka, and PostgreSQL without a verified certificate, are for loopback and development.
"""

import ipaddress
import os
from collections.abc import Iterator

from loyalty_worker.postgres_url import PostgresUrl, read_postgres_url
from loyalty_worker.settings.model import PREFIX, Settings
from loyalty_worker.settings.problems import Problem

_URLS = ("database_url", "migration_database_url", "operator_database_url")


def transport_problems(settings: Settings) -> Iterator[Problem]:
    """Find what makes the way to Kafka or PostgreSQL unsafe or incomplete."""
    yield from _kafka_servers(settings)
    yield from _kafka_credentials(settings)
    yield from _kafka_files(settings)
    yield from _databases(settings)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address stays on this machine, without asking a resolver."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kafka_servers(settings: Settings) -> Iterator[Problem]:
    name = f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS"
    hosts = []
    for server in settings.kafka_bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) <= 65_535:  # noqa: PLR2004 - TCP's
            yield Problem(name, "is no list of brokers", "write host:port, separated by commas")
            return
        hosts.append(host.strip("[]"))
    plaintext = settings.kafka_security_protocol in {"PLAINTEXT", "SASL_PLAINTEXT"}
    beyond = not all(is_loopback(host) for host in hosts)
    if plaintext and beyond and settings.environment != "development":
        yield Problem(
            f"{PREFIX}KAFKA_SECURITY_PROTOCOL",
            f"{settings.kafka_security_protocol} to a broker beyond loopback",
            "use SSL or SASL_SSL, or LOYALTY_ENVIRONMENT=development",
        )


def _kafka_credentials(settings: Settings) -> Iterator[Problem]:
    wanted = settings.kafka_security_protocol.startswith("SASL")
    for field in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        given = getattr(settings, field) is not None
        if wanted and not given:
            yield Problem(
                PREFIX + field.upper(),
                "is missing",
                f"{settings.kafka_security_protocol} needs mechanism, username and password",
            )
        if given and not wanted:
            yield Problem(
                PREFIX + field.upper(),
                f"would be ignored with {settings.kafka_security_protocol}",
                "set LOYALTY_KAFKA_SECURITY_PROTOCOL to SASL_SSL, or remove it",
            )


def _kafka_files(settings: Settings) -> Iterator[Problem]:
    for field in ("kafka_ssl_ca_file", "kafka_ssl_cert_file", "kafka_ssl_key_file"):
        path = getattr(settings, field)
        if path is None:
            continue
        if not settings.kafka_security_protocol.endswith("SSL"):
            yield Problem(
                PREFIX + field.upper(),
                f"would be ignored with {settings.kafka_security_protocol}",
                "set LOYALTY_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or remove it",
            )
        elif not os.access(path, os.R_OK):
            yield Problem(PREFIX + field.upper(), "names no readable file", "give a PEM file")
    if (settings.kafka_ssl_cert_file is None) != (settings.kafka_ssl_key_file is None):
        yield Problem(
            f"{PREFIX}KAFKA_SSL_CERT_FILE",
            "certificate and key come together",
            "set LOYALTY_KAFKA_SSL_CERT_FILE and LOYALTY_KAFKA_SSL_KEY_FILE, or neither",
        )


def _databases(settings: Settings) -> Iterator[Problem]:
    for field in _URLS:
        secret = getattr(settings, field)
        if secret is None:
            continue
        try:
            url = read_postgres_url(secret.get_secret_value())
        except ValueError as error:
            yield Problem(
                PREFIX + field.upper(), str(error), "write postgresql://user:password@host/database"
            )
            continue
        if settings.environment != "development" and not _is_safe(url):
            yield Problem(
                PREFIX + field.upper(),
                "leaves this machine without verifying the server",
                "add sslmode=verify-full (and sslrootcert), or LOYALTY_ENVIRONMENT=development",
            )


def _is_safe(url: PostgresUrl) -> bool:
    if (url.sslmode or os.environ.get("PGSSLMODE")) == "verify-full":
        return True
    hosts = url.hosts or tuple(filter(None, os.environ.get("PGHOST", "").split(",")))
    local = all(host.startswith("/") or is_loopback(host) for host in hosts)
    return local and not url.service
