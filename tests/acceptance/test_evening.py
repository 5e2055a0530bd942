"""A simulated evening through the running worker, against the simulation's own reckoning."""

import asyncio
from collections import Counter
from datetime import date
from pathlib import Path

from conftest import TopicFactory
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Topic
from loyalty_worker.demo.publisher import publish
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.tally import Account, Tally
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import until_no_lag
from parts.worker import running_worker, worker_environment
from sqltools import add_casino, connected, drift_of, value_of

PLAN = EveningPlan(
    casinos=3,
    slips=1000,
    seed=3,
    day=date(2026, 3, 14),
    duplicates=0.1,
    broken=0.1,
    promotions=0.4,
)


async def test_an_evening_ends_in_the_ledger_exactly_as_it_was_reckoned_beforehand(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    slips, promotions = await create_topic(3), await create_topic(3)
    topics = {Topic.RATING_SLIP_CLOSED: slips, Topic.PROMOTION: promotions}
    for casino in open_casinos(PLAN.casinos):
        await add_casino(database, str(casino.casino_id), casino.name)
    tallies = {topic: Tally() for topic in topics}
    options = {"bootstrap_servers": [kafka.address]}
    environment = worker_environment(
        database, kafka.address, slips, LOYALTY_TOPIC_PROMOTION=promotions
    )
    async with running_worker(environment, directory) as worker:
        await publish(
            options,
            topics,
            evening(PLAN),
            5000,
            lambda message: tallies[message.topic].add(message.expected),
        )
        await until_no_lag(kafka.address, f"{slips}-accrual", slips)
        await until_no_lag(kafka.address, f"{slips}-promotion", promotions)
        async with asyncio.timeout(30):
            while await value_of(
                database, "SELECT count(*) FROM parked_event WHERE outcome IS NULL"
            ):
                await asyncio.sleep(0.1)
        assert await worker.terminate() == 0
    for topic, tally in tallies.items():
        counts = await outcomes(database, topics[topic])
        assert counts.total() == tally.published
        for outcome in Outcome:
            assert counts[outcome] == tally.outcomes[outcome], (topic, outcome)
    async with connected(database.superuser) as connection:
        letters = await connection.fetch("SELECT reason, count(*) FROM dead_letter GROUP BY 1")
        balances = await connection.fetch(
            "SELECT casino_id, player_id, current_balance FROM player_loyalty"
        )
    expected = [*tallies.values()]
    reasons = sum((tally.reasons for tally in expected), Counter[str]())
    assert {row[0]: row[1] for row in letters} == dict(reasons)
    owed: Counter[Account] = Counter()
    for tally in expected:
        owed.update(tally.balances)
    assert {(row[0], row[1]): row[2] for row in balances} == dict(owed)
    for casino in open_casinos(PLAN.casinos):
        assert await drift_of(database, str(casino.casino_id)) == []


async def outcomes(database: DatabaseUrls, topic: str) -> Counter[Outcome]:
    """Return what the topic's records have come to; for those that waited, in the end."""
    async with connected(database.superuser) as connection:
        (counts,) = await connection.fetch(
            "SELECT sum(accrued)::bigint AS accrued, sum(duplicate)::bigint AS duplicate,"
            " sum(skipped)::bigint AS skipped, sum(dead_lettered)::bigint AS dead_lettered"
            " FROM consumer_progress WHERE topic = $1",
            topic,
        )
        waited = await connection.fetch(
            "SELECT outcome, count(*) FROM parked_event WHERE topic = $1 GROUP BY 1", topic
        )
    found = Counter({Outcome(name): count for name, count in counts.items()})
    return found + Counter({Outcome(row[0]): row[1] for row in waited})
