"""What a topic must lead to, worked out by a reader that shares no code with the worker.

It reads with librdkafka, validates with another JSON Schema library, and adds up in fractions.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, Message, TopicPartition
from jsonschema import Draft202012Validator

_SCHEMA = Path(__file__).parents[1] / "schemas" / "rating-slip-closed" / "v1.schema.json"
_POLL_SECONDS = 10.0


@dataclass
class Expected:
    """Counts by partition and in all; `points` by player."""

    records: Counter[int] = field(default_factory=Counter)
    garbage: Counter[int] = field(default_factory=Counter)
    rated: set[str] = field(default_factory=set)
    unrated: set[str] = field(default_factory=set)
    points: Counter[str] = field(default_factory=Counter)

    @property
    def accrued(self) -> int:
        """Distinct valid rated slips."""
        return len(self.rated)

    @property
    def skipped(self) -> int:
        """Distinct valid unrated slips."""
        return len(self.unrated)

    @property
    def duplicate(self) -> int:
        """Valid records of slips that were there before."""
        valid = self.records.total() - self.garbage.total()
        return valid - self.accrued - self.skipped


def read_topic(
    kafka: str, topic: str, ends: dict[int, int], starts: Counter[int] | None = None
) -> Iterator[Message]:
    """Give every record of the topic below these ends, from these starts."""
    starts = starts or Counter()
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"reckoning-{topic}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    left = {partition: end for partition, end in ends.items() if end > starts[partition]}
    consumer.assign([TopicPartition(topic, partition, starts[partition]) for partition in left])
    try:
        while left:
            message = consumer.poll(_POLL_SECONDS)
            if message is None or message.error() is not None:
                raise AssertionError(f"topic {topic} could not be read to its end: {left}")
            partition, offset = message.partition() or 0, message.offset() or 0
            if offset + 1 >= left.get(partition, 0):
                left.pop(partition, None)
            yield message
    finally:
        consumer.close()


def reckon(kafka: str, topic: str, ends: dict[int, int], begun: Expected | None = None) -> Expected:
    """Read the topic and say what must come of it.

    `begun` is what an earlier call returned for a topic without holes: what came since is added.
    """
    validator = Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
    expected = Expected() if begun is None else begun
    for message in read_topic(kafka, topic, ends, Counter(expected.records)):
        partition = message.partition() or 0
        expected.records[partition] += 1
        event = _event(message)
        if event is None or not validator.is_valid(event):
            expected.garbage[partition] += 1
            continue
        slip = event["data"]
        if slip["visit_kind"] != "gaming_identified_rated":
            expected.unrated.add(slip["rating_slip_id"])
        elif slip["rating_slip_id"] not in expected.rated:
            expected.rated.add(slip["rating_slip_id"])
            expected.points[slip["player_id"]] += points_of(slip)
    return expected


def _event(message: Message) -> dict[str, Any] | None:
    """Return the whole event: from the value in structured mode, else with the headers."""
    sent: Any = message.headers() or []  # the stubs know other shapes, which are for sending
    headers: dict[str, bytes] = {name: value or b"" for name, value in sent}
    try:
        value = json.loads(message.value() or b"", parse_constant=_refuse)
    except ValueError:
        return None
    if headers.get("content-type", b"").lower().startswith(b"application/cloudevents"):
        return value if isinstance(value, dict) else None
    attributes = {
        name[3:]: text.decode() for name, text in headers.items() if name.startswith("ce_")
    }
    return {**attributes, "data": value}


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def points_of(slip: dict[str, Any]) -> int:
    """Return a slip's base points, in fractions."""
    policy = slip["policy_snapshot"]["loyalty"]
    exact = (
        Fraction(str(slip["average_bet"]))
        * Fraction(str(policy["house_edge"]))
        * Fraction(str(policy["decisions_per_hour"]))
        * Fraction(str(policy["points_conversion_rate"]))
        * slip["duration_seconds"]
        / 360_000
    )
    return int(exact + Fraction(1, 2))


async def assert_reckoning(
    url: str, *, topic: str, group: str, ends: dict[int, int], expected: Expected
) -> None:
    """Compare the database with what the topic must have led to. `url` is a superuser's.

    Entries of promotions count in the balances alone.
    """
    connection = await asyncpg.connect(url)
    try:
        progress = await connection.fetch(
            "SELECT * FROM consumer_progress WHERE topic = $1 AND consumer_group = $2", topic, group
        )
        entries = await connection.fetch(
            "SELECT player_id::text, sum(points_delta)::bigint AS points, count(*) AS entries"
            " FROM loyalty_ledger WHERE reason = 'base_accrual' GROUP BY player_id"
        )
        letters = await connection.fetch(
            "SELECT partition, count(*) AS letters FROM dead_letter WHERE topic = $1 GROUP BY 1",
            topic,
        )
        balances = await connection.fetch(
            "SELECT player_id::text, current_balance, entry_count FROM player_loyalty"
        )
        sums = await connection.fetch(
            "SELECT player_id::text, sum(points_delta)::bigint, count(*) FROM loyalty_ledger"
            " GROUP BY player_id"
        )
    finally:
        await connection.close()
    by_partition = {row["partition"]: row for row in progress}
    for partition, end in ends.items():
        row = by_partition[partition]
        counted = sum(
            row[name] for name in ("accrued", "duplicate", "skipped", "parked", "dead_lettered")
        )
        assert row["first_offset"] == 0
        assert row["next_offset"] == end
        assert counted + row["without_record"] == end
        assert row["without_record"] == 0
        assert row["dead_lettered"] == expected.garbage[partition]
        assert counted == expected.records[partition]
    for name in ("accrued", "duplicate", "skipped"):
        assert sum(row[name] for row in progress) == getattr(expected, name), name
    assert {row["partition"]: row["letters"] for row in letters} == dict(expected.garbage)
    points = {row["player_id"]: row["points"] for row in entries}
    assert points == dict(expected.points)
    assert sum(row["entries"] for row in entries) == expected.accrued
    assert {tuple(row) for row in balances} == {tuple(row) for row in sums}
