"""The settings as FastStream's broker takes them; apart, for FastStream is slow to import."""

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from loyalty_worker.settings.kafka import ssl_context
from loyalty_worker.settings.model import Settings

_SASL = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


def broker_security(settings: Settings) -> BaseSecurity:
    """Return what `kafka_client_options` gives to clients; raises `SettingsError`."""
    context = ssl_context(settings)
    if settings.kafka_sasl_mechanism is None or settings.kafka_sasl_password is None:
        return BaseSecurity(ssl_context=context)
    return _SASL[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username or "",
        password=settings.kafka_sasl_password.get_secret_value(),
        ssl_context=context,
    )
