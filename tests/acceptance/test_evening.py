"""A simulated evening through the running worker, against the simulation's own reckoning."""

from datetime import date
from pathlib import Path

from conftest import TopicFactory
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.publisher import publish
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.tally import Tally
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.embedded.logins import DatabaseUrls
from parts.source import Part
from parts.topics import until_no_lag
from parts.worker import running_worker, worker_environment
from sqltools import add_casino, connected, drift_of, row_of

PLAN = EveningPlan(casinos=3, slips=1000, seed=3, day=date(2026, 3, 14), duplicates=0.1, broken=0.1)


async def test_an_evening_ends_in_the_ledger_exactly_as_it_was_reckoned_beforehand(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(3)
    for casino in open_casinos(PLAN.casinos):
        await add_casino(database, str(casino.casino_id), casino.name)
    tally = Tally()
    options = {"bootstrap_servers": [kafka.address]}
    environment = worker_environment(database, kafka.address, topic)
    async with running_worker(environment, directory) as worker:
        await publish(
            options, topic, evening(PLAN), 5000, lambda message: tally.add(message.expected)
        )
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        assert await worker.terminate() == 0
    counts = await row_of(
        database,
        "SELECT sum(accrued) AS accrued, sum(duplicate) AS duplicate, sum(skipped) AS skipped,"
        " sum(dead_lettered) AS dead_lettered, sum(next_offset - first_offset) AS published"
        " FROM consumer_progress",
    )
    assert counts["published"] == tally.published
    for outcome in set(Outcome) - {Outcome.PARKED}:
        assert counts[outcome] == tally.outcomes[outcome], outcome
    async with connected(database.superuser) as connection:
        letters = await connection.fetch("SELECT reason, count(*) FROM dead_letter GROUP BY 1")
        balances = await connection.fetch(
            "SELECT casino_id, player_id, current_balance FROM player_loyalty"
        )
    assert {row[0]: row[1] for row in letters} == dict(tally.reasons)
    assert {(row[0], row[1]): row[2] for row in balances} == dict(tally.balances)
    for casino in open_casinos(PLAN.casinos):
        assert await drift_of(database, str(casino.casino_id)) == []
