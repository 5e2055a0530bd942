"""What was kept comes back or leaves for good: parked events, dead letters, and their copies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from command import Run, loyalty
from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import create_drift_topics, delete_topics, drift_topics
from parts.kafka import create_topic as make_topic
from parts.source import Part
from parts.topics import end_offsets, publish, until_no_lag
from parts.worker import WorkerProcess, running_worker, worker_environment
from promotions import promotion
from reckoning import points_of
from slips import Message, SlipFactory, message
from sqltools import add_casino, drift_of, fail_slips, mend_slips, row_of, value_of

ALL = "accrual,promotion,sweeper,relay"


@dataclass
class House:
    """A casino with both topics, their dead-letter topics, and commands on them."""

    database: DatabaseUrls
    kafka: str
    slips_topic: str
    promotions_topic: str
    factory: SlipFactory
    directory: Path

    @property
    def settings(self) -> dict[str, str]:
        return worker_environment(
            self.database,
            self.kafka,
            self.slips_topic,
            LOYALTY_TOPIC_PROMOTION=self.promotions_topic,
            **drift_topics(self.slips_topic),
        )

    @asynccontextmanager
    async def worker(self, only: str = ALL, **settings: str) -> AsyncIterator[WorkerProcess]:
        async with running_worker(self.settings | settings, self.directory, only=only) as worker:
            await worker.until_ready()
            yield worker

    async def publish(self, *events: dict[str, Any] | Message) -> None:
        for event in events:
            sent = event if isinstance(event, Message) else message(event)
            is_award = isinstance(event, dict) and "campaign_id" in event["data"]
            topic = self.promotions_topic if is_award else self.slips_topic
            await publish(self.kafka, topic, [sent])

    async def settle(self) -> None:
        for kind, topic in (
            ("accrual", self.slips_topic),
            ("promotion", self.promotions_topic),
        ):
            await until_no_lag(self.kafka, f"{self.slips_topic}-{kind}", topic)

    async def command(self, *arguments: str) -> Run:
        settings = {name.removeprefix("LOYALTY_"): value for name, value in self.settings.items()}
        return await loyalty(*arguments, **settings, OPERATOR_DATABASE_URL=self.database.operator)

    async def done(self, *arguments: str) -> Any:  # noqa: ANN401 - a JSON document
        run = await self.command(*arguments, "--json")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    async def entries(self) -> int:
        return await value_of(self.database, "SELECT count(*) FROM loyalty_ledger")

    async def until(self, query: str, wanted: int, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while await value_of(self.database, query) != wanted:
                await asyncio.sleep(0.05)

    async def copies(self, wanted: int) -> list["ConsumerRecord[bytes, bytes]"]:
        """Return what is on the slips' dead-letter topic once there are so many."""
        topic = f"{self.slips_topic}.dlq"
        async with asyncio.timeout(20):
            while sum((await end_offsets(self.kafka, topic)).values()) < wanted:
                await asyncio.sleep(0.1)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        async with consumer:
            tp = TopicPartition(topic, 0)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            return [await consumer.getone() for _ in range(wanted)]


WAITING = "SELECT count(*) FROM parked_event WHERE outcome IS NULL"
OPEN = "SELECT count(*) FROM dead_letter WHERE status = 'open'"


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[House]:
    factory = SlipFactory()
    await add_casino(database, factory.casino_id)
    slips, promotions = await create_topic(1), await create_topic(1)
    copies = [f"{slips}.dlq", f"{promotions}.dlq"]
    for name in copies:
        await make_topic(kafka.address, name, 1, {"max.message.bytes": "20000"})
    copies += await create_drift_topics(kafka.address, slips)
    yield House(database, kafka.address, slips, promotions, factory, directory)
    await delete_topics(kafka.address, copies)


async def test_a_promotion_before_its_slip_waits_and_goes_with_it(house: House) -> None:
    slip, ghost = house.factory.event(), house.factory.ghost()
    early = [promotion(house.factory.rng, slip, name) for name in ("one", "two")]
    async with house.worker("accrual,promotion"):
        await house.publish(*early, promotion(house.factory.rng, ghost))
        await house.settle()
        assert await house.entries() == 0
        assert await value_of(house.database, WAITING) == 3
        await house.publish(slip, ghost)
        await house.settle()
    rows = await row_of(
        house.database,
        "SELECT array_agg(coalesce(campaign_id, '-') ORDER BY entry_no) FROM loyalty_ledger",
    )
    assert rows[0] == ["-", "one", "two"]
    outcomes = await row_of(
        house.database, "SELECT array_agg(outcome ORDER BY id) FROM parked_event"
    )
    assert outcomes[0] == ["accrued", "accrued", "skipped"]


async def test_events_of_a_disabled_casino_wait_and_are_posted_once_it_is_enabled(
    house: House,
) -> None:
    casino, slip = house.factory.casino_id, house.factory.event()
    known = house.factory.event()
    async with house.worker():
        await house.publish(known)
        await house.settle()
        await house.done("casino", "disable", casino, "--reason", "renovation", "--yes")
        await house.publish(slip, known, promotion(house.factory.rng, slip), house.factory.ghost())
        await house.settle()
        await asyncio.sleep(1.5)
        assert await value_of(house.database, WAITING) == 3
        assert await house.entries() == 1
        (listed, *_) = await house.done("parked", "list", "--cause", "accrual_disabled")
        assert listed["casino_id"] == casino
        await house.done("casino", "enable", casino, "--reason", "open again", "--yes")
        await house.until(WAITING, 0)
    assert await house.entries() == 3
    assert await drift_of(house.database, casino) == []
    reasons = await row_of(
        house.database,
        "SELECT array_agg(details ->> 'reason' ORDER BY id) FROM audit_log WHERE action = 'set'",
    )
    assert reasons[0] == ["renovation", "open again"]


async def test_a_promotion_whose_slip_never_comes_becomes_a_letter(house: House) -> None:
    orphan = promotion(house.factory.rng, house.factory.event())
    async with house.worker(LOYALTY_PARKED_EXPIRY_SECONDS="1"):
        await house.publish(orphan)
        await house.until(OPEN, 1)
    reason = await row_of(house.database, "SELECT reason, event_id FROM dead_letter")
    assert tuple(reason) == ("PARKED_EXPIRED", orphan["id"])
    assert await value_of(house.database, WAITING) == 0


async def test_one_pass_by_hand_does_what_the_sweeper_does(house: House) -> None:
    slip = house.factory.event()
    async with house.worker("accrual,promotion"):
        await house.done("casino", "disable", house.factory.casino_id, "--reason", "test", "--yes")
        await house.publish(slip, promotion(house.factory.rng, slip))
        await house.settle()
        await house.done("casino", "enable", house.factory.casino_id, "--reason", "test", "--yes")
        assert (await house.command("parked", "release")).returncode == 2
        done = await house.done("parked", "release", "--yes")
    assert done["waiting"] == {}
    assert [(row["outcome"], row["records"]) for row in done["released"]] == [
        ("accrued", 1),
        ("accrued", 1),
    ]
    assert await house.entries() == 2


async def test_a_letter_is_copied_byte_for_byte_with_what_is_known_about_it(house: House) -> None:
    headers = (("trace", b"\xff\x00"), ("nothing", None), ("trace", b"again"))
    strange = Message(b"\x00key", b"\xfe no json", headers)
    large = Message(b"large", b"x" * 30_000, ())
    async with house.worker("accrual,promotion,relay") as worker:
        await house.publish(strange, large, Message(b"last", b"{", ()))
        first, second, third = await house.copies(3)
        await house.until("SELECT count(*) FROM dead_letter WHERE copied_at IS NULL", 0)
        assert worker.events("publish_failed") == []
    assert (first.key, first.value) == (strange.key, strange.value)
    assert tuple(first.headers)[:3] == headers
    told = {name: value for name, value in first.headers if name.startswith("dlq.")}
    assert told["dlq.reason"] == b"EVENT_UNDECODABLE"
    assert told["dlq.original-topic"] == house.slips_topic.encode()
    assert (told["dlq.original-partition"], told["dlq.original-offset"]) == (b"0", b"0")
    assert told["dlq.redrive-count"] == b"0"
    assert (second.key, second.value) == (large.key, None)
    assert ("dlq.value-omitted", b"true") in second.headers
    assert third.key == b"last"


async def test_what_the_broker_does_not_take_stays_due_and_is_said(house: House) -> None:
    topic = f"{house.slips_topic}.dlq"
    async with house.worker("accrual,promotion,relay") as worker:
        await delete_topics(house.kafka, [topic])
        await house.publish(Message(b"key", b"garbage", ()))
        async with asyncio.timeout(60):
            while not worker.events("publish_failed"):
                await asyncio.sleep(0.1)
        assert await value_of(
            house.database, "SELECT count(*) FROM dead_letter WHERE copied_at IS NULL"
        )
        await make_topic(house.kafka, topic, 1)
        assert (await house.copies(1))[0].value == b"garbage"


async def test_letters_are_redriven_once_when_their_cause_is_mended(house: House) -> None:
    stranger = SlipFactory(seed=9)
    slips = [stranger.event() for _ in range(20)]
    async with house.worker("accrual,promotion,relay"):
        await house.publish(*slips[:10], Message(b"key", b"garbage", ()), *slips[10:])
        await house.until(OPEN, 21)
    dry = await house.command("dlq", "redrive", "--dry-run", "--json")
    assert dry.returncode == 3
    refused = await house.command("dlq", "redrive", "--yes", "--json")
    assert refused.returncode == 3
    assert await house.entries() == 0
    await add_casino(house.database, stranger.casino_id)
    narrowed = ("dlq", "redrive", "--reason-is", "LOYALTY_CASINO_UNKNOWN", "--rate", "1000")
    (row,) = await house.done(*narrowed, "--dry-run")
    assert (row["outcome"], row["records"]) == ("accrued", 20)
    assert await house.entries() == 0
    (row,) = await house.done(*narrowed, "--yes")
    assert (row["outcome"], row["records"]) == ("accrued", 20)
    assert await house.done(*narrowed, "--yes") == []
    assert await house.entries() == 20
    letters = await row_of(
        house.database,
        "SELECT array_agg(DISTINCT status), min(redrives), max(redrives) FROM dead_letter",
    )
    assert tuple(letters) == (["open", "redriven"], 1, 2)
    assert await drift_of(house.database, stranger.casino_id) == []


async def test_a_conflict_of_facts_is_shown_side_by_side_with_what_settles_it(
    house: House,
) -> None:
    slip = house.factory.event(average_bet="100")
    other = {**slip, "id": "another", "data": {**slip["data"], "average_bet": "250"}}
    async with house.worker("accrual,promotion"):
        await house.publish(slip, other)
        await house.until(OPEN, 1)
    (letter,) = await house.done("dlq", "list")
    shown = await house.command("dlq", "show", str(letter["id"]))
    entry = await row_of(house.database, "SELECT id, points_delta FROM loyalty_ledger")
    assert "average_bet" in shown.stdout
    assert "100" in shown.stdout
    assert "250" in shown.stdout
    assert f"rpc_reverse_ledger_entry('{house.factory.casino_id}', '{entry[0]}'" in shown.stdout
    points = int(entry[1])
    given = points_of(other["data"])
    assert f"rpc_adjust_points('{house.factory.casino_id}', :player_id, {given}," in shown.stdout
    assert f":player_id, {given - points}," in shown.stdout
    assert f"{given} ({given - points:+})" in shown.stdout
    assert slip["data"]["player_id"] not in shown.stdout
    whole = await house.command("dlq", "show", str(letter["id"]), "--payload")
    assert slip["data"]["player_id"] in whole.stdout
    await house.done("dlq", "discard", str(letter["id"]), "--reason", "adjusted", "--yes")
    assert await house.done("dlq", "list") == []
    assert (await house.done("dlq", "list", "--status", "discarded"))[0]["id"] == letter["id"]


async def test_a_poisonous_record_is_set_aside_and_the_topic_goes_on(house: House) -> None:
    events = [house.factory.event() for _ in range(6)]
    await fail_slips(house.database, f"NEW.id = '{events[2]['data']['rating_slip_id']}'", "22012")
    await publish(house.kafka, house.slips_topic, [message(event) for event in events])
    async with running_worker(house.settings, house.directory, only="accrual") as worker:
        await house.until("SELECT count(*) FROM consumer_halt", 1)
        where = (house.slips_topic, "0", "2")
        nothing = await house.command(
            "dlq", "quarantine", house.slips_topic, "0", "77", "--reason", "test", "--yes"
        )
        assert nothing.returncode == 5
        await house.done("dlq", "quarantine", *where, "--reason", "poison", "--yes")
        done = await house.done("resume", house.slips_topic, "--reason", "set aside", "--yes")
        assert done == {"ended": 1, "lost": []}
        await until_no_lag(house.kafka, f"{house.slips_topic}-accrual", house.slips_topic)
        await worker.until_ready()
    progress = await row_of(
        house.database, "SELECT accrued, dead_lettered, next_offset FROM consumer_progress"
    )
    assert tuple(progress) == (5, 1, 6)
    refused = await house.command("dlq", "redrive", "--yes")
    assert refused.returncode == 3
    assert f"{house.slips_topic}/0, offset 2 fails with database_error (22012)" in refused.stderr
    await mend_slips(house.database)
    (row,) = await house.done("dlq", "redrive", "--yes")
    assert (row["outcome"], row["records"]) == ("accrued", 1)
    assert await house.entries() == 6


async def test_lost_records_are_accepted_by_a_person_and_audited(house: House) -> None:
    await publish(house.kafka, house.slips_topic, [message(house.factory.event())] * 3)
    async with house.worker("accrual,promotion") as worker:
        await house.settle()
        assert await worker.terminate() == 0
    await publish(house.kafka, house.slips_topic, [message(house.factory.event())] * 4)
    await delete_records(house.kafka, house.slips_topic, 5)
    async with running_worker(house.settings, house.directory, only="accrual") as worker:
        async with asyncio.timeout(30):
            while not worker.events("partition_halted"):
                await asyncio.sleep(0.1)
        nothing = await house.done("resume", house.slips_topic, "--reason", "gone", "--yes")
        assert nothing == {"ended": 0, "lost": []}
        done = await house.done(
            "resume", house.slips_topic, "--reason", "gone", "--accept-loss", "--yes"
        )
        assert done["lost"] == [{"partition": 0, "first": 3, "last": 4}]
        await until_no_lag(house.kafka, f"{house.slips_topic}-accrual", house.slips_topic)
    progress = await row_of(
        house.database,
        "SELECT generation, first_offset, next_offset FROM consumer_progress"
        " WHERE closed_at IS NULL AND topic LIKE '%'"
        " ORDER BY generation DESC LIMIT 1",
    )
    assert tuple(progress) == (2, 5, 7)
    audited = await row_of(
        house.database,
        "SELECT details FROM audit_log WHERE action = 'accept_record_loss'",
    )
    details = json.loads(audited[0])
    assert (details["lost_from"], details["lost_to"]) == (3, 4)


async def test_purged_letters_and_events_keep_no_bytes(house: House) -> None:
    async with house.worker("accrual,promotion,relay"):
        await house.publish(Message(b"key", b"personal", ()))
        await house.until("SELECT count(*) FROM dead_letter WHERE copied_at IS NOT NULL", 1)
    letter = await value_of(house.database, "SELECT id FROM dead_letter")
    await house.done("dlq", "discard", str(letter), "--reason", "garbage", "--yes")
    done = await house.done("dlq", "purge", "--older-than", "0h", "--yes")
    assert done == {"letters": 1, "parked": 0}
    assert await value_of(
        house.database, "SELECT count(*) FROM dead_letter WHERE value IS NULL AND key IS NULL"
    )


async def delete_records(kafka: str, topic: str, before: int) -> None:
    def delete() -> None:
        client = AdminClient({"bootstrap.servers": kafka})
        futures = client.delete_records([ConfluentPartition(topic, 0, before)])
        for future in futures.values():
            future.result(20)

    await asyncio.to_thread(delete)
