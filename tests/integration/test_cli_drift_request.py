"""`loyalty drift request`: the event that it publishes, and how it says that it could not."""

import asyncio
import json
import time
import uuid

from jsonschema_rs import Draft202012Validator

from command import loyalty
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.resources import resource_folder
from parts.source import Part
from parts.topics import end_offsets
from reckoning import read_topic

SCHEMA = resource_folder("schemas") / "drift-check-requested" / "v1.schema.json"
SECONDS = 20.0  # the producer's own limit is 10, the rest is for a busy machine


async def test_the_event_that_is_published_satisfies_its_schema(kafka: Part, topic: str) -> None:
    casino = str(uuid.uuid4())
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, "TOPIC_DRIFT_CHECK_REQUESTED": topic}
    one = await loyalty("drift", "request", "--casino", casino, "--actor", "Rösa", **settings)
    told = await loyalty("drift", "request", "--actor", "CronJob", "--json", **settings)

    assert (one.returncode, told.returncode) == (0, 0), one.stderr + told.stderr
    messages = list(read_topic(kafka.address, topic, await end_offsets(kafka.address, topic)))
    events = [json.loads(message.value() or b"") for message in messages]
    validator = Draft202012Validator(json.loads(SCHEMA.read_bytes()), validate_formats=True)
    for message, event in zip(messages, events, strict=True):
        validator.validate(event)
        assert message.headers() == [
            ("content-type", b"application/cloudevents+json; charset=UTF-8")
        ]
    first, second = events
    assert first["data"] == {"casino_id": casino, "requested_by": "Rösa"}
    assert one.stdout == f"asked on {topic}: {first['source']} {first['id']}\n"
    assert second["data"] == {"requested_by": "CronJob"}
    assert json.loads(told.stdout) == {
        "topic": topic,
        "source": second["source"],
        "id": second["id"],
    }
    assert first["id"] != second["id"]


async def test_a_missing_topic_and_a_dead_broker_are_told_within_seconds(kafka: Part) -> None:
    missing = f"missing-{uuid.uuid4().hex[:8]}"
    started = time.monotonic()
    runs = await asyncio.gather(
        *(
            loyalty(
                "drift",
                "request",
                KAFKA_BOOTSTRAP_SERVERS=address,
                TOPIC_DRIFT_CHECK_REQUESTED=missing,
            )
            for address in (kafka.address, f"{HOST}:{free_port()}")
        )
    )
    assert time.monotonic() - started < SECONDS
    for run, reason in zip(runs, ("kafka_error", "kafka_unreachable"), strict=True):
        assert (run.returncode, run.stdout) == (4, "")
        (sentence,) = run.stderr.splitlines()
        assert f"Kafka did not acknowledge the request: {reason}" in sentence
        assert "LOYALTY_KAFKA_BOOTSTRAP_SERVERS" in sentence
        assert f"`loyalty topics create` made {missing}" in sentence
