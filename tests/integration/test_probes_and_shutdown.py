"""What the probes say, and how the worker stops."""

import asyncio
import json
import signal
import uuid
from pathlib import Path

import aiohttp

from integration.conftest import Casino
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.kafka import admin, topic_name
from parts.source import Part
from parts.topics import committed_offsets, end_offsets
from parts.worker import running_worker, worker_environment
from slips import STRUCTURED, Message, message
from sqltools import connected, value_of


async def test_sigterm_finishes_and_commits_the_batch_in_flight_and_exits_0(
    casino: Casino,
) -> None:
    await casino.publish(message(casino.slips.event()))
    await casino.settle()
    async with connected(casino.database.superuser) as connection:
        holding = connection.transaction()
        await holding.start()
        await connection.execute("SELECT * FROM consumer_progress FOR UPDATE")
        await casino.publish(message(casino.slips.event()))
        await until_a_session_waits(casino.database)
        casino.worker.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            while not casino.worker.events("worker_stops"):
                await asyncio.sleep(0.02)
        await holding.rollback()
    assert await casino.worker.wait() == 0
    assert await committed_offsets(casino.kafka, casino.group, casino.topic) == {0: 2}
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 2


async def test_a_second_signal_ends_the_process_at_once(casino: Casino) -> None:
    await casino.publish(message(casino.slips.event()))
    await casino.settle()
    async with connected(casino.database.superuser) as connection, connection.transaction():
        await connection.execute("SELECT * FROM consumer_progress FOR UPDATE")
        await casino.publish(message(casino.slips.event()))
        await until_a_session_waits(casino.database)
        casino.worker.signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            while not casino.worker.events("worker_stops"):
                await asyncio.sleep(0.02)
        assert await casino.worker.terminate() == 128 + signal.SIGTERM


async def until_a_session_waits(database: DatabaseUrls) -> None:
    async with asyncio.timeout(30):
        while not await value_of(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'",
        ):
            await asyncio.sleep(0.02)


async def test_a_missing_topic_is_named_and_never_created(
    database: DatabaseUrls, kafka: Part, directory: Path
) -> None:
    missing = topic_name()
    async with running_worker(
        worker_environment(database, kafka.address, missing), directory
    ) as worker:
        async with asyncio.timeout(30):
            while "loyalty topics create" not in (await worker.probe("/readyz"))[1]:
                await asyncio.sleep(0.1)
        status, text = await worker.probe("/readyz")
        assert status == 503
        assert f"no topic {missing}" in text
        assert (await worker.probe("/livez"))[0] == 200
        async with admin(kafka.address) as client:
            assert missing not in await client.list_topics()
        assert await worker.terminate() == 0


async def test_an_empty_database_is_waited_for_and_named(
    empty_database: DatabaseUrls, kafka: Part, topic: str, directory: Path
) -> None:
    environment = worker_environment(empty_database, kafka.address, topic)
    async with running_worker(environment, directory) as worker:
        async with asyncio.timeout(30):
            while "loyalty migrate up" not in (await worker.probe("/readyz"))[1]:
                await asyncio.sleep(0.1)
        assert (await worker.probe("/readyz"))[0] == 503


async def test_a_reply_to_header_redirects_nothing(casino: Casino, topic: str) -> None:
    headers = (*STRUCTURED, ("reply_to", topic.encode()))
    event = json.dumps(casino.slips.event()).encode()
    await casino.publish(Message(None, event, headers))
    await casino.settle()
    assert await value_of(casino.database, "SELECT count(*) FROM loyalty_ledger") == 1
    assert await end_offsets(casino.kafka, topic) == {0: 0}


async def test_the_http_side_shows_the_contract_and_can_publish_nothing(casino: Casino) -> None:
    status, text = await casino.worker.probe("/asyncapi.json")
    document = json.loads(text)
    assert status == 200
    (message_,) = document["components"]["messages"].values()
    assert message_["payload"]["schema"]["title"] == "casino.rating-slip.closed.v1"
    async with aiohttp.ClientSession() as session:
        for path in ("/asyncapi.json", "/asyncapi/try", "/metrics", "/readyz"):
            url = casino.worker.events("worker_started")[0]["http"] + path
            async with session.post(url, json={"message": "x"}) as response:
                assert response.status in {404, 405}
    assert await end_offsets(casino.kafka, casino.topic) == {0: 0}


async def test_no_personal_data_reaches_logs_metrics_or_probes(casino: Casino) -> None:
    canary = str(uuid.UUID(int=0xC0FFEE00C0FFEE00C0FFEE00C0FFEE00))
    hidden = "canary-gametype"
    good = casino.slips.event(player_id=canary, game_type=hidden)
    conflict = casino.slips.event(
        player_id=canary, rating_slip_id=good["data"]["rating_slip_id"], average_bet="77.77"
    )
    other_casino = {**good["data"], "casino_id": canary}
    bad_policy = casino.slips.event(player_id=canary, policy_snapshot={"loyalty": {hidden: 1}})
    broken = json.dumps(good).encode()[:-3] + b"canary-gametype"
    invalid = casino.slips.event(player_id=canary, duration_seconds=hidden)
    await casino.publish(
        *(message(event) for event in (good, conflict, bad_policy, invalid)),
        message({**casino.slips.event(), "data": other_casino}),
        Message(canary.encode(), broken, (("x", hidden.encode()),)),
    )
    await casino.settle()
    assert await value_of(casino.database, "SELECT count(*) FROM dead_letter") == 5
    said = casino.worker.text() + "".join(
        [(await casino.worker.probe(page))[1] for page in ("/metrics", "/livez", "/readyz")]
    )
    logged = casino.worker.events("record_dead_lettered")
    assert len(logged) == 5
    # of the three whose event could be read, by a hash that is the same for the same player
    (pseudonym,) = {line["player"] for line in logged if "player" in line}
    assert [line.get("player") for line in logged].count(pseudonym) == 3
    assert len(pseudonym) == 16
    # A casino's id is no personal data, and no value of a payload may appear either.
    assert canary not in said
    assert hidden not in said
    assert "77.77" not in said
