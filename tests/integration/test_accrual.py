"""The main job: records in, outcomes in the database, offsets committed."""

import json

from aiokafka import AIOKafkaProducer

from integration.conftest import Casino
from parts.topics import committed_offsets, end_offsets
from reckoning import assert_reckoning, reckon
from slips import STRUCTURED, Message, message, same_slip_other_event
from sqltools import connected, row_of, value_of


async def test_a_closed_slip_becomes_one_entry_and_its_offset_is_committed(casino: Casino) -> None:
    await casino.publish(message(casino.slips.event(average_bet="100", duration_seconds=7200)))
    await casino.settle()
    entry = await row_of(casino.database, "SELECT * FROM loyalty_ledger")
    assert entry["points_delta"] == entry["balance_after"]
    assert entry["entry_no"] == 1
    assert json.loads(entry["metadata"])["event"]["offset"] == 0
    assert await committed_offsets(casino.kafka, casino.group, casino.topic) == {0: 1}


async def test_duplicates_ghosts_and_slips_are_counted_as_an_independent_reader_counts_them(
    casino: Casino,
) -> None:
    slips = [casino.slips.event() for _ in range(30)]
    ghosts = [casino.slips.ghost() for _ in range(3)]
    again = [same_slip_other_event(slip, casino.slips.rng) for slip in slips[:10]]
    await casino.publish(*(message(event) for event in [*slips, *ghosts, *again, *slips[:5]]))
    await casino.settle()
    ends = await end_offsets(casino.kafka, casino.topic)
    await assert_reckoning(
        casino.database.superuser,
        topic=casino.topic,
        group=casino.group,
        ends=ends,
        expected=reckon(casino.kafka, casino.topic, ends),
    )
    assert await casino.worker.metric("loyalty_duplicates_total", by="key") == 5
    assert await casino.worker.metric("loyalty_duplicates_total", by="natural_key") == 10
    assert await casino.worker.metric("loyalty_events_total", outcome="accrued") == 30


async def test_good_records_around_every_kind_of_bad_one_post_and_each_bad_one_is_kept_whole(
    casino: Casino,
) -> None:
    make = casino.slips.event
    valid = json.dumps(make()).encode()

    def changed(**data: object) -> bytes:
        return json.dumps(make(**data)).encode()

    without_id = {name: value for name, value in make().items() if name != "id"}
    null_header = Message(b"k", valid, (*STRUCTURED, ("trace", None)))
    wild_header = Message(b"k", json.dumps(make()).encode(), (*STRUCTURED, ("trace", b"\xff\xfe")))
    large = make()
    large["data"]["game_type"] = "x" * 900_000
    bad = {
        "EVENT_UNDECODABLE broken": Message(b"k", valid[:-7]),
        "EVENT_SCHEMA_INVALID type": Message(b"k", changed(duration_seconds="an hour")),
        "EVENT_ID_MISSING id": Message(b"k", json.dumps(without_id).encode()),
        "EVENT_SCHEMA_INVALID negative": Message(b"k", changed(average_bet=-5)),
        "EVENT_SCHEMA_INVALID nul": Message(b"k", changed(game_type="black\x00jack")),
        "EVENT_UNDECODABLE tombstone": Message(b"k", None),
        "EVENT_SCHEMA_INVALID large": Message(b"k", json.dumps(large).encode()),
    }
    batch = [null_header, wild_header]
    for one in bad.values():
        batch += [one, message(make())]
    await casino.publish(*batch)
    await casino.settle()
    async with connected(casino.database.superuser) as connection:
        letters = await connection.fetch('SELECT * FROM dead_letter ORDER BY "offset"')
    assert [letter["reason"] for letter in letters] == [name.split()[0] for name in bad]
    assert [letter["value"] for letter in letters] == [one.value for one in bad.values()]
    assert {bytes(letter["key"]) for letter in letters} == {b"k"}
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 2 + len(bad)
    assert len(casino.worker.events("record_dead_lettered")) == len(bad)


async def test_large_records_that_came_compressed_are_posted_in_several_batches(
    casino: Casino,
) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=casino.kafka,
        compression_type="gzip",
        max_batch_size=50_000_000,
        max_request_size=50_000_000,
    ) as producer:
        batch = producer.create_batch()
        for _ in range(250):
            slip = message(casino.slips.event(padding="a" * 100_000))
            batch.append(key=None, value=slip.value, timestamp=None, headers=list(slip.headers))
        await producer.send_batch(batch, casino.topic, partition=0)
    await casino.settle()
    assert await casino.worker.metric("loyalty_batch_records_sum") == 250
    assert await casino.worker.metric("loyalty_batch_records_count") == 2
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 250
