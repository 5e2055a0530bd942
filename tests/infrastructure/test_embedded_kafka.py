import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from loyalty_worker.embedded import jars
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.logs import EmbeddedServerError
from parts.kafka import admin, create_topic


async def publish(broker: EmbeddedKafka, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, enable_idempotence=True, acks="all"
    )
    async with producer:
        await producer.send_and_wait(topic, value)


async def read(broker: EmbeddedKafka, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    )
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_records_outlive_a_stop_and_a_kill(private_kafka: EmbeddedKafka) -> None:
    broker = private_kafka
    await create_topic(broker.bootstrap_servers, "records")
    await publish(broker, "records", b"first")
    broker.stop()
    assert not broker.running
    broker.start()
    await publish(broker, "records", b"second")
    broker.kill()
    assert not broker.running
    broker.start()
    assert await read(broker, "records", 2) == [b"first", b"second"]


async def test_a_paused_broker_does_not_answer_until_it_is_resumed(
    private_kafka: EmbeddedKafka,
) -> None:
    broker = private_kafka
    broker.pause()
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=500)
    with pytest.raises(KafkaError):
        await producer.start()
    await producer.stop()
    broker.resume()
    async with admin(broker.bootstrap_servers) as client:
        assert await client.list_topics() == []


async def test_properties_given_reach_the_broker(directory: Path) -> None:
    with EmbeddedKafka(directory, {"message.max.bytes": "2000000"}) as broker:
        written = (directory / "server.properties").read_text(encoding="utf-8")
        assert "message.max.bytes=2000000\n" in written
        assert broker.running


def test_a_cluster_id_may_begin_with_a_hyphen(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    with EmbeddedKafka(directory) as broker:
        identity = (directory / "data" / "meta.properties").read_text(encoding="utf-8")
        assert "cluster.id=-Pj4" in identity
        assert broker.running


def test_a_broker_that_does_not_come_up_is_explained_by_the_end_of_its_log(
    directory: Path,
) -> None:
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedKafka(directory, {"log.segment.bytes": "a few"}).start()
    assert "log.segment.bytes" in str(caught.value)


def test_starting_a_running_broker_is_refused(private_kafka: EmbeddedKafka) -> None:
    with pytest.raises(EmbeddedServerError, match="running already"):
        private_kafka.start()


def test_the_lock_names_46_jars_of_one_kafka_version() -> None:
    locked = jars.locked_jars()
    assert len(locked) == len({jar.name for jar in locked}) == 46
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {"4.3.1"}


def test_every_jar_in_use_has_the_locked_checksum() -> None:
    folder = jars.jar_folder()
    assert [jar.name for jar in jars.locked_jars() if not jar.matches(folder / jar.name)] == []


def test_a_missing_jar_is_an_error_that_says_what_to_run(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOYALTY_EMBEDDED_CACHE", str(directory))
    with pytest.raises(EmbeddedServerError, match=r"46 of 46 jars .* run `make setup`"):
        jars.class_path()


def test_a_changed_jar_does_not_match_the_lock(directory: Path) -> None:
    first = jars.locked_jars()[0]
    copy = directory / first.name
    content = (jars.jar_folder() / first.name).read_bytes()
    copy.write_bytes(content)
    assert first.matches(copy)
    copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not first.matches(copy)
