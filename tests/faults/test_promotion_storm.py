"""Promotions before, with and after their slips, in random order: each posts exactly once."""

import asyncio
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import publisher, send, until_no_lag
from parts.worker import running_worker, worker_environment
from promotions import promotion
from reckoning import points_of
from slips import Message, SlipFactory, message
from sqltools import add_casino, connected, drift_of, row_of, value_of

SLIPS = 10_000
PROMOTIONS_PER_SLIP = 3
PARTITIONS = 6
_CHUNK = 500


def terms(rng: random.Random) -> dict[str, Any]:
    """Return a multiplier or a bonus."""
    if rng.random() < 0.5:
        return {"promo_multiplier": rng.choice(["1.5", "2", "1.25"])}
    return {"bonus_points": rng.randrange(1, 1000)}


def award(base: int, data: dict[str, Any]) -> int:
    """Return a promotion's points, in fractions."""
    if "bonus_points" in data:
        return int(data["bonus_points"])
    return int(base * Fraction(data["promo_multiplier"]) + Fraction(1, 2)) - base


async def unreleased(database: DatabaseUrls) -> int:
    return await value_of(database, "SELECT count(*) FROM parked_event WHERE outcome IS NULL")


async def test_10000_slips_and_30000_promotions_in_any_order_post_exactly_once(
    database: DatabaseUrls,
    kafka: Part,
    create_topic: TopicFactory,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slips_topic, promotions_topic = await create_topic(PARTITIONS), await create_topic(PARTITIONS)
    factory = SlipFactory(20_260_315, players=300)
    rng = factory.rng
    await add_casino(database, factory.casino_id)
    slips = [factory.event() for _ in range(SLIPS)]
    promotions = [
        promotion(rng, slip, f"campaign-{number}", **terms(rng))
        for slip in slips
        for number in range(PROMOTIONS_PER_SLIP)
    ]
    records: list[tuple[str, Message]] = [(slips_topic, message(slip)) for slip in slips]
    records += [(promotions_topic, message(one)) for one in promotions]
    rng.shuffle(records)
    environment = worker_environment(
        database, kafka.address, slips_topic, LOYALTY_TOPIC_PROMOTION=promotions_topic
    )
    async with (
        running_worker(environment, directory, "first") as first,
        running_worker(environment, directory, "second") as second,
    ):
        async with publisher(kafka.address) as producer:
            for start in range(0, len(records), _CHUNK):
                chunk = records[start : start + _CHUNK]
                for topic in (slips_topic, promotions_topic):
                    await send(producer, topic, [m for name, m in chunk if name == topic])
        await until_no_lag(kafka.address, f"{slips_topic}-accrual", slips_topic, 120)
        await until_no_lag(kafka.address, f"{slips_topic}-promotion", promotions_topic, 120)
        await until_none_waits(database)
        for worker in (first, second):
            await worker.until_ready()
            assert await worker.terminate() == 0
    base = {slip["data"]["rating_slip_id"]: points_of(slip["data"]) for slip in slips}
    expected: Counter[tuple[str, str]] = Counter()
    for one in promotions:
        slip_id = one["data"]["rating_slip_id"]
        expected[slip_id, one["data"]["campaign_id"]] = award(base[slip_id], one["data"])
    assert await posted(database) == expected
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == len(records)
    assert await value_of(database, "SELECT count(*) FROM dead_letter") == 0
    progress = await row_of(
        database,
        "SELECT sum(accrued)::bigint AS accrued, sum(parked)::bigint AS parked,"
        " sum(next_offset - first_offset)::bigint AS passed FROM consumer_progress",
    )
    assert progress["accrued"] + progress["parked"] == progress["passed"] == len(records)
    assert await drift_of(database, factory.casino_id) == []
    waited = await row_of(
        database,
        "SELECT count(*), coalesce(max(extract(epoch FROM released_at - parked_at)), 0)::float8"
        " FROM parked_event",
    )
    with capsys.disabled():
        print(  # noqa: T201 - a measure, for whoever runs it
            f"\n{waited[0]} of {len(promotions)} promotions came before their slip;"
            f" the longest wait was {waited[1]:.1f} s"
        )


async def posted(database: DatabaseUrls) -> Counter[tuple[str, str]]:
    """Return the points of each promotion entry; fails on two for one campaign and slip."""
    async with connected(database.superuser) as connection:
        rows: list[asyncpg.Record] = await connection.fetch(
            "SELECT rating_slip_id::text, campaign_id, points_delta FROM loyalty_ledger"
            " WHERE reason = 'promotion'"
        )
    found = Counter({(row[0], row[1]): row[2] for row in rows})
    assert len(found) == len(rows)
    return found


async def until_none_waits(database: DatabaseUrls) -> None:
    async with asyncio.timeout(60):
        while await unreleased(database):
            await asyncio.sleep(0.2)
