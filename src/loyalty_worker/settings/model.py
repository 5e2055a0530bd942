"""Every setting: its variable is `LOYALTY_` and the field's name; its default is for production.

Times end in `_ms` or `_seconds`. A field's description is what `loyalty config show` and the
README print.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "LOYALTY_"

# Kafka allows 249 characters; the dead-letter topic's name adds four.
TopicName: TypeAlias = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,240}$")]


class Settings(BaseSettings):
    """The worker's settings; `load_settings` reads and checks them, nothing else should."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    environment: Literal["production", "development"] = Field(
        default="production", description="development allows plaintext beyond loopback"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="the least level that is logged"
    )
    log_pseudonym_key: SecretStr | None = Field(
        default=None,
        description="key of the hash that stands for a player in logs; random per process if unset",
    )

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="host:port of brokers, separated by commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="plaintext is for loopback and development"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="with SASL_PLAINTEXT and SASL_SSL"
    )
    kafka_sasl_username: str | None = Field(default=None, description="with SASL")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="with SASL")
    kafka_ssl_ca_file: Path | None = Field(
        default=None, description="certificates that sign the brokers'; the system's if unset"
    )
    kafka_ssl_cert_file: Path | None = Field(
        default=None, description="the worker's own certificate (mTLS)"
    )
    kafka_ssl_key_file: Path | None = Field(default=None, description="its private key")
    kafka_ssl_key_password: SecretStr | None = Field(
        default=None, description="that key's password"
    )
    kafka_group_prefix: str = Field(
        default="loyalty",
        pattern=r"^[a-zA-Z0-9._-]{1,200}$",
        description="consumer groups are PREFIX-accrual, PREFIX-promotion, PREFIX-drift",
    )
    kafka_session_timeout_ms: int = Field(
        default=45_000, ge=6_000, description="without heartbeats for so long a member is gone"
    )
    kafka_heartbeat_interval_ms: int = Field(
        default=3_000, ge=100, description="at most a third of the session timeout"
    )
    kafka_rebalance_timeout_ms: int = Field(
        default=60_000, ge=1_000, description="how long a rebalance waits for in-flight batches"
    )
    kafka_request_timeout_ms: int = Field(
        default=40_000, ge=1_000, description="longest wait for a broker's answer"
    )

    topic_rating_slip_closed: TopicName = Field(
        default="rating-slip-closed", description="topic of closed rating slips"
    )
    topic_promotion: TopicName = Field(default="promotion", description="topic of campaign awards")
    topic_drift_check_requested: TopicName = Field(
        default="drift-check-requested", description="topic that asks for a drift check"
    )
    topic_drift_alerts: TopicName = Field(
        default="loyalty-drift-alerts", description="topic of drift alerts"
    )

    database_url: SecretStr | None = Field(
        default=None, description="the worker's login, postgresql://…"
    )
    migration_database_url: SecretStr | None = Field(
        default=None, description="the owner's login; only `migrate` reads it"
    )
    operator_database_url: SecretStr | None = Field(
        default=None, description="the operator's login, for commands that change state"
    )
    database_pool_max_size: int = Field(
        default=8, ge=1, le=100, description="most connections of one worker"
    )
    database_connect_timeout_seconds: float = Field(
        default=10.0, gt=0, description="longest wait for a new connection"
    )
    database_acquire_timeout_seconds: float = Field(
        default=10.0, gt=0, description="longest wait for a free connection of the pool"
    )
    database_statement_timeout_ms: int = Field(
        default=30_000, ge=100, description="longest statement"
    )
    database_lock_timeout_ms: int = Field(
        default=10_000, ge=10, description="longest wait for a lock"
    )
    database_idle_in_transaction_timeout_ms: int = Field(
        default=30_000, ge=100, description="longest pause within a transaction"
    )

    http_host: str = Field(default="127.0.0.1", description="address of /metrics and the probes")
    http_port: int = Field(default=9464, ge=0, le=65_535, description="their port; 0 picks one")

    batch_max_records: int = Field(
        default=500, ge=1, le=5_000, description="most records of one transaction"
    )
    batch_max_wait_ms: int = Field(
        default=50, ge=0, le=10_000, description="how long a batch waits to fill under traffic"
    )
    max_batches_in_flight: int = Field(
        default=4, ge=1, le=100, description="most transactions at once; at most the pool's size"
    )
    retry_backoff_initial_ms: int = Field(
        default=200, ge=1, description="first pause after a fault; doubles, with jitter"
    )
    retry_backoff_max_ms: int = Field(
        default=30_000, ge=1, description="longest pause after a fault"
    )

    on_unknown_error_rating_slip_closed: Literal["stop", "dead_letter"] = Field(
        default="stop",
        description="for a record that alone fails with an error that no rule names: "
        "halt the topic, or a dead letter",
    )
    on_unknown_error_promotion: Literal["stop", "dead_letter"] = Field(
        default="stop", description="the same for promotions"
    )
    breaker_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="the topic halts when more than this share of a partition's newest records "
        "is refused",
    )
    breaker_min_records: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="of at least so many; of ten times as many at most",
    )
    breaker_run_records: int = Field(
        default=100, ge=1, description="or when so many in a row are refused"
    )
    parked_expiry_seconds: float = Field(
        default=7 * 24 * 60 * 60.0,
        gt=0,
        description="a promotion whose slip does not come for so long becomes a dead letter; "
        "time during which its casino was disabled does not count",
    )

    drift_schedule: str = Field(
        default="0 3 * * *",
        description="when all balances are checked against the ledger, as a cron expression",
    )
    drift_timezone: str = Field(
        default="UTC", description="the time zone of that expression, an IANA name"
    )
    drift_check_load: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="the share of the time in which a check works while records are posted; "
        "it pauses for the rest",
    )

    position_check_seconds: float = Field(
        default=60.0,
        gt=0,
        description="how often position and topic are compared with the database",
    )
    drain_timeout_seconds: float = Field(
        default=40.0, gt=0, description="how long batches in flight may take to finish"
    )
    graceful_timeout_seconds: float = Field(
        default=45.0, gt=0, description="how long the whole shutdown may take"
    )
    grace_period_seconds: float = Field(
        default=75.0, gt=0, description="after SIGTERM the platform kills the process so much later"
    )
    stall_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="without progress for so long /livez turns false; in place of a poll interval",
    )

    @property
    def drift_group(self) -> str:
        """The consumer group of requests for a drift check."""
        return f"{self.kafka_group_prefix}-drift"

    @property
    def consumer_groups(self) -> dict[str, str]:
        """The consumer group of each topic of events."""
        return {
            self.topic_rating_slip_closed: f"{self.kafka_group_prefix}-accrual",
            self.topic_promotion: f"{self.kafka_group_prefix}-promotion",
        }
