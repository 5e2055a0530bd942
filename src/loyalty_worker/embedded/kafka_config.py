"""The configuration of an embedded broker: one node that is broker and controller at once."""

from collections.abc import Mapping
from pathlib import Path

from loyalty_worker.embedded.addresses import HOST

_LOGGING = """\
status = ERROR
appender.file.type = Console
appender.file.name = console
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
logger.values.name = org.apache.kafka.common.config.AbstractConfig
logger.values.level = WARN
"""

_ONE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": (
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL"
    ),
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A killed broker may register again once its former life's session is over.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


def write_configuration(
    directory: Path, port: int, controller_port: int, properties: Mapping[str, str]
) -> tuple[Path, Path]:
    """Write the broker's and its log's configuration; return their paths.

    `properties` are added to the broker's, or replace them, by name.
    """
    addresses = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(directory / "data"),
    }
    server = directory / "server.properties"
    values = _ONE_NODE | addresses | dict(properties)
    server.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
    logging = directory / "log4j2.properties"
    logging.write_text(_LOGGING, "utf-8")
    return server, logging
