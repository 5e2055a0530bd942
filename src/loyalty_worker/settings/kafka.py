"""The settings as aiokafka's clients take them."""

import ssl
from typing import Any

from aiokafka.helpers import create_ssl_context

from loyalty_worker.settings.model import PREFIX, Settings
from loyalty_worker.settings.problems import Problem, SettingsError


def kafka_client_options(settings: Settings) -> dict[str, Any]:
    """Return address and credentials for an aiokafka client; raises `SettingsError`."""
    options: dict[str, Any] = {
        "bootstrap_servers": [
            server.strip() for server in settings.kafka_bootstrap_servers.split(",")
        ],
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_sasl_mechanism is not None and settings.kafka_sasl_password is not None:
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return options


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the context for TLS; None without it. Raises `SettingsError`."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    password = settings.kafka_ssl_key_password
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.kafka_ssl_ca_file,
            certfile=settings.kafka_ssl_cert_file,
            keyfile=settings.kafka_ssl_key_file,
            # an empty password, not None: OpenSSL would ask for one on the terminal
            password=password.get_secret_value() if password is not None else "",
        )
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            [
                Problem(
                    f"{PREFIX}KAFKA_SSL_CA_FILE, …_CERT_FILE, …_KEY_FILE",
                    f"cannot be loaded ({type(error).__name__})",
                    "give PEM files; key and certificate must belong together",
                )
            ]
        ) from None
    return context
