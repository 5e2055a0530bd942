import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from loyalty_worker.settings import Settings, SettingsError, load_settings
from loyalty_worker.settings.broker import broker_security
from loyalty_worker.settings.display import show_settings, unknown_variables
from loyalty_worker.settings.kafka import kafka_client_options

REMOTE_URL = "postgresql://worker:canary@db.example/loyalty"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"LOYALTY_{field.upper()}", raising=False)
        monkeypatch.delenv(f"LOYALTY_{field.upper()}_FILE", raising=False)
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)


def _load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"LOYALTY_{name}", value)
    return load_settings()


def _refusal(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        _load(monkeypatch, environment)
    return str(refused.value)


def test_the_fixed_names_have_the_defaults_of_the_specification() -> None:
    settings = load_settings()

    assert settings.environment == "production"
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert settings.kafka_group_prefix == "loyalty"
    assert settings.topic_rating_slip_closed == "rating-slip-closed"
    assert settings.topic_promotion == "promotion"
    assert settings.topic_drift_check_requested == "drift-check-requested"
    assert settings.topic_drift_alerts == "loyalty-drift-alerts"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 9464)
    assert (settings.batch_max_records, settings.batch_max_wait_ms) == (500, 50)
    assert settings.database_url is None


def test_any_setting_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://localhost/loyalty\n", encoding="utf-8")
    (tmp_path / "port").write_text("8080", encoding="utf-8")

    settings = _load(
        monkeypatch,
        {
            "DATABASE_URL_FILE": str(tmp_path / "url"),
            "HTTP_PORT_FILE": str(tmp_path / "port"),
        },
    )

    assert settings.database_url == SecretStr("postgresql://localhost/loyalty")
    assert settings.http_port == 8080


def test_a_setting_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8080", encoding="utf-8")

    refusal = _refusal(monkeypatch, {"HTTP_PORT": "80", "HTTP_PORT_FILE": str(tmp_path / "port")})

    assert "LOYALTY_HTTP_PORT_FILE: LOYALTY_HTTP_PORT is set as well" in refusal


def test_a_file_that_cannot_be_read_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusal = _refusal(monkeypatch, {"DATABASE_URL_FILE": str(tmp_path / "missing")})

    assert refusal.startswith("LOYALTY_DATABASE_URL_FILE: cannot read the file")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, {"HTTP_PORT": "", "DATABASE_URL": ""}).http_port == 9464


def test_every_problem_is_told_at_once_with_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = _refusal(
        monkeypatch,
        {"HTTP_PORT": "high", "BATCH_MAX_RECORDS": "0", "ENVIRONMENT": "test", "LOG_LEVEL": "x"},
    )

    lines = refusal.splitlines()
    assert len(lines) == 4
    assert any(re.match(r"LOYALTY_ENVIRONMENT: .*'production' or 'development'", x) for x in lines)
    assert any(
        re.match(r"LOYALTY_BATCH_MAX_RECORDS: .*greater than or equal to 1", x) for x in lines
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "mysql://worker:canary@db/x"},
        {"DATABASE_URL": "postgresql://worker:can/ary@db/x"},
        {"DATABASE_URL": "postgresql://worker:canary#1@db/x"},
        {"DATABASE_URL": REMOTE_URL},
        {"KAFKA_SASL_PASSWORD": "canary"},
        {"TOPIC_PROMOTION": "canary ary"},
        {"HTTP_PORT": "canary"},
    ],
)
def test_a_refusal_never_repeats_the_value(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]
) -> None:
    refusal = _refusal(monkeypatch, environment)

    assert "canary" not in refusal
    assert "ary@" not in refusal


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_plaintext_kafka_beyond_loopback_is_refused_in_production(
    monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    refusal = _refusal(
        monkeypatch,
        {
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092,broker.example:9092",
            "KAFKA_SECURITY_PROTOCOL": protocol,
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": "u",
            "KAFKA_SASL_PASSWORD": "p",
        },
    )

    assert "to a broker beyond loopback" in refusal


def test_plaintext_kafka_beyond_loopback_is_for_development(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = _load(
        monkeypatch, {"KAFKA_BOOTSTRAP_SERVERS": "broker:9092", "ENVIRONMENT": "development"}
    )
    assert settings.kafka_security_protocol == "PLAINTEXT"


@pytest.mark.parametrize(
    "servers", ["localhost:9092", "127.0.0.1:1,[::1]:9092", " 127.9.9.9:9092 , localhost:1"]
)
def test_plaintext_kafka_is_fine_on_loopback(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    settings = _load(monkeypatch, {"KAFKA_BOOTSTRAP_SERVERS": servers})
    assert settings.kafka_bootstrap_servers == servers


@pytest.mark.parametrize("servers", ["localhost", "a:b", "a:0", "a:70000", ",", "a:1,"])
def test_what_is_no_list_of_brokers_is_refused(
    monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    assert "write host:port" in _refusal(monkeypatch, {"KAFKA_BOOTSTRAP_SERVERS": servers})


@pytest.mark.parametrize(
    "url",
    [
        REMOTE_URL,
        f"{REMOTE_URL}?sslmode=require",
        f"{REMOTE_URL}?sslmode=verify-ca",
        "postgresql://u@127.0.0.1,db.example/loyalty",
        "postgresql://u@localhost/loyalty?host=db.example",
        "postgresql:///loyalty?host=db.example",
        "postgresql:///loyalty?service=remote",
        "postgresql://u@localhost.example/loyalty",
    ],
)
@pytest.mark.parametrize(
    "variable", ["DATABASE_URL", "MIGRATION_DATABASE_URL", "OPERATOR_DATABASE_URL"]
)
def test_postgresql_that_is_not_verified_is_refused_beyond_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    refusal = _refusal(monkeypatch, {variable: url})

    assert refusal.startswith(f"LOYALTY_{variable}: leaves this machine")
    assert "sslmode=verify-full" in refusal


@pytest.mark.parametrize(
    "url",
    [
        f"{REMOTE_URL}?sslmode=verify-full",
        "postgresql://u:p@127.0.0.1:5432/loyalty",
        "postgresql://u:p@[::1]/loyalty",
        "postgresql://%2Frun%2Fpostgresql/loyalty",
        "postgresql:///loyalty?host=/run/postgresql",
        "postgresql:///loyalty",
    ],
)
def test_postgresql_is_fine_verified_or_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings = _load(monkeypatch, {"DATABASE_URL": url})
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url


def test_a_remote_host_from_libpq_s_environment_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "db.example")

    assert "leaves this machine" in _refusal(monkeypatch, {"DATABASE_URL": "postgresql:///x"})


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"DRAIN_TIMEOUT_SECONDS": "45"}, "LOYALTY_DRAIN_TIMEOUT_SECONDS"),
        ({"GRACEFUL_TIMEOUT_SECONDS": "60"}, "LOYALTY_GRACEFUL_TIMEOUT_SECONDS"),
        ({"GRACE_PERIOD_SECONDS": "45"}, "LOYALTY_GRACEFUL_TIMEOUT_SECONDS"),
        ({"STALL_TIMEOUT_SECONDS": "60"}, "LOYALTY_KAFKA_REBALANCE_TIMEOUT_MS"),
        ({"DATABASE_STATEMENT_TIMEOUT_MS": "40000"}, "LOYALTY_DATABASE_STATEMENT_TIMEOUT_MS"),
        ({"DATABASE_LOCK_TIMEOUT_MS": "30000"}, "LOYALTY_DATABASE_LOCK_TIMEOUT_MS"),
        ({"KAFKA_HEARTBEAT_INTERVAL_MS": "15001"}, "LOYALTY_KAFKA_HEARTBEAT_INTERVAL_MS"),
        ({"RETRY_BACKOFF_MAX_MS": "200"}, "LOYALTY_RETRY_BACKOFF_INITIAL_MS"),
        ({"MAX_BATCHES_IN_FLIGHT": "9"}, "LOYALTY_MAX_BATCHES_IN_FLIGHT"),
        ({"TOPIC_PROMOTION": "rating-slip-closed"}, "LOYALTY_TOPIC_PROMOTION"),
    ],
)
def test_times_and_sizes_that_do_not_fit_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], variable: str
) -> None:
    refusal = _refusal(monkeypatch, environment)

    assert any(line.startswith(f"{variable}: ") for line in refusal.splitlines())


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "LOYALTY_KAFKA_SASL_MECHANISM"),
        ({"KAFKA_SASL_USERNAME": "u"}, "LOYALTY_KAFKA_SASL_USERNAME"),
        ({"KAFKA_SSL_CA_FILE": "ca.pem"}, "LOYALTY_KAFKA_SSL_CA_FILE"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_FILE": "missing.pem"},
            "LOYALTY_KAFKA_SSL_CA_FILE",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERT_FILE": __file__},
            "LOYALTY_KAFKA_SSL_CERT_FILE",
        ),
    ],
)
def test_credentials_that_are_incomplete_or_would_be_ignored_are_refused(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], variable: str
) -> None:
    assert f"{variable}: " in _refusal(monkeypatch, environment)


def test_what_is_shown_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("canary", encoding="utf-8")
    settings = _load(
        monkeypatch,
        {
            "DATABASE_URL": f"{REMOTE_URL}?sslmode=verify-full",
            "OPERATOR_DATABASE_URL": "postgresql://localhost/x?user=op&password=canary",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "worker",
            "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
            "LOG_PSEUDONYM_KEY": "canary",
        },
    )

    shown = {row.variable: row for row in show_settings(settings)}

    assert "canary" not in repr(shown)
    assert "canary" not in repr(settings)
    assert shown["LOYALTY_DATABASE_URL"].value == (
        "postgresql://worker:********@db.example/loyalty?sslmode=verify-full"
    )
    assert shown["LOYALTY_KAFKA_SASL_PASSWORD"].origin == "file"
    assert shown["LOYALTY_KAFKA_SASL_USERNAME"].origin == "environment"
    assert shown["LOYALTY_HTTP_PORT"].origin == "default"


def test_every_setting_says_what_it_means() -> None:
    assert all(info.description for info in Settings.model_fields.values())


def test_a_misspelt_variable_is_noticed_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOYALTY_DATABSE_URL", "x")

    assert ("LOYALTY_DATABSE_URL", "LOYALTY_DATABASE_URL") in unknown_variables()


def test_credentials_reach_clients_and_broker_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(
        monkeypatch,
        {
            "KAFKA_BOOTSTRAP_SERVERS": "broker:9093, other:9093",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "worker",
            "KAFKA_SASL_PASSWORD": "sesame",
        },
    )

    options = kafka_client_options(settings)
    security = broker_security(settings)

    assert options["bootstrap_servers"] == ["broker:9093", "other:9093"]
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert "sesame" in options.values()
    assert options["ssl_context"].check_hostname
    assert security.use_ssl
    assert security.ssl_context is not None
    assert security.ssl_context.check_hostname


def test_a_certificate_that_is_none_is_refused_before_anything_connects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = _load(monkeypatch, {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_FILE": __file__})

    with pytest.raises(SettingsError, match="cannot be loaded"):
        kafka_client_options(settings)
