"""TLS and logins towards Kafka: a real broker with listeners of each kind, and our real clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exports them, has no __all__
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from command import loyalty
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.processes import temporary_directory
from parts.kafka import create_topic
from parts.worker import running_worker, worker_environment

USER = "worker"
PASSWORD = "open sesame"  # noqa: S105 - of a broker that lives as long as these tests
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """A broker's listeners, and the files that clients of it need."""

    plain: str
    sasl_ssl: str
    mutual_tls: str
    authority: Path
    stranger: Path
    certificate: Path
    key: Path

    def sasl_settings(self) -> dict[str, str]:
        """Settings for SASL/SCRAM over TLS."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.sasl_ssl,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CA_FILE": str(self.authority),
        }

    def mutual_tls_settings(self) -> dict[str, str]:
        """Settings for TLS with a certificate of our own."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.mutual_tls,
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CA_FILE": str(self.authority),
            "KAFKA_SSL_CERT_FILE": str(self.certificate),
            "KAFKA_SSL_KEY_FILE": str(self.key),
        }


def _write_keystore(issued: trustme.LeafCert, path: Path) -> None:
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    path.write_bytes(pkcs8 + chain)


def _listeners(directory: Path, ports: dict[str, int], controller: int) -> dict[str, str]:
    secure = {name: f"{name}://{HOST}:{port}" for name, port in ports.items()}
    return {
        "listeners": ",".join([*secure.values(), f"CONTROLLER://{HOST}:{controller}"]),
        "advertised.listeners": ",".join(secure.values()),
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(directory / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(directory / "authority.pem"),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM,
    }


def _add_user(address: str) -> None:
    change = UserScramCredentialUpsertion(
        USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()
    )
    client = AdminClient({"bootstrap.servers": address})
    for future in client.alter_user_scram_credentials([change]).values():
        future.result(30)


@pytest.fixture(scope="module")
def secure_kafka() -> Iterator[SecureKafka]:
    ours, theirs = trustme.CA(), trustme.CA()
    with temporary_directory() as directory, temporary_directory() as data:
        ports = {name: free_port() for name in ("PLAINTEXT", "SASL_SSL", "SSL")}
        ours.cert_pem.write_to_path(str(directory / "authority.pem"))
        theirs.cert_pem.write_to_path(str(directory / "stranger.pem"))
        _write_keystore(ours.issue_cert(HOST), directory / "broker.pem")
        _write_keystore(ours.issue_cert("worker.example"), directory / "worker.pem")
        with EmbeddedKafka(data, _listeners(directory, ports, free_port())):
            address = {name: f"{HOST}:{port}" for name, port in ports.items()}
            _add_user(address["PLAINTEXT"])
            yield SecureKafka(
                plain=address["PLAINTEXT"],
                sasl_ssl=address["SASL_SSL"],
                mutual_tls=address["SSL"],
                authority=directory / "authority.pem",
                stranger=directory / "stranger.pem",
                certificate=directory / "worker.pem",
                key=directory / "worker.pem",
            )


async def test_commands_reach_kafka_by_password_over_tls(secure_kafka: SecureKafka) -> None:
    run = await loyalty("topics", "create", "--yes", **secure_kafka.sasl_settings())

    assert run.returncode == 0, run.stderr


async def test_commands_reach_kafka_by_certificate(secure_kafka: SecureKafka) -> None:
    run = await loyalty("topics", "create", "--yes", **secure_kafka.mutual_tls_settings())

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("way", ["sasl", "mutual_tls"])
async def test_the_worker_joins_over_tls(
    secure_kafka: SecureKafka, database: DatabaseUrls, directory: Path, way: str
) -> None:
    topic = f"slips-{way}"
    await create_topic(secure_kafka.plain, topic, 1, None)
    settings = secure_kafka.sasl_settings() if way == "sasl" else secure_kafka.mutual_tls_settings()
    environment = {
        **worker_environment(database, secure_kafka.plain, topic),
        **{f"LOYALTY_{name}": value for name, value in settings.items()},
    }

    async with running_worker(environment, directory) as worker:
        await worker.until_ready()
        assert await worker.terminate() == 0
        assert PASSWORD not in worker.text()


async def test_a_wrong_password_is_told_in_one_line_without_it(secure_kafka: SecureKafka) -> None:
    settings = {**secure_kafka.sasl_settings(), "KAFKA_SASL_PASSWORD": "canary"}

    run = await loyalty("topics", "create", "--yes", **settings)

    assert run.returncode == 4
    (line,) = run.stderr.splitlines()
    assert secure_kafka.sasl_ssl in line
    assert "canary" not in line


@pytest.mark.parametrize("way", ["sasl", "mutual_tls"])
async def test_a_broker_that_somebody_else_vouches_for_is_not_trusted(
    secure_kafka: SecureKafka, way: str
) -> None:
    settings = secure_kafka.sasl_settings() if way == "sasl" else secure_kafka.mutual_tls_settings()

    run = await loyalty(
        "topics", "create", "--yes", **{**settings, "KAFKA_SSL_CA_FILE": str(secure_kafka.stranger)}
    )

    assert run.returncode == 4
    assert len(run.stderr.splitlines()) == 1


async def test_a_client_without_a_certificate_is_turned_away(secure_kafka: SecureKafka) -> None:
    settings = secure_kafka.mutual_tls_settings()
    del settings["KAFKA_SSL_CERT_FILE"], settings["KAFKA_SSL_KEY_FILE"]

    run = await loyalty("topics", "create", "--yes", **settings)

    assert run.returncode == 4
    assert len(run.stderr.splitlines()) == 1
