"""A redrive that is killed goes on where it was; run once more, it posts nothing."""

import asyncio
import json
import os
import sys
from pathlib import Path

from command import loyalty
from conftest import TopicFactory
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.processes import start_process
from parts.source import Part
from parts.topics import publish, until_no_lag
from parts.worker import running_worker, worker_environment
from slips import SlipFactory, message
from sqltools import add_casino, drift_of, value_of

LETTERS = 2_000
ENTRIES = "SELECT count(*) FROM loyalty_ledger"
OPEN = "SELECT count(*) FROM dead_letter WHERE status = 'open'"


async def test_a_redrive_killed_in_the_middle_posts_each_letter_once_when_run_again(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> None:
    topic = await create_topic(2)
    factory = SlipFactory(players=200)
    environment = worker_environment(database, kafka.address, topic)
    async with running_worker(environment, directory) as worker:
        await publish(kafka.address, topic, [message(factory.event()) for _ in range(LETTERS)])
        await until_no_lag(kafka.address, f"{topic}-accrual", topic)
        assert await worker.terminate() == 0
    assert await value_of(database, OPEN) == LETTERS
    await add_casino(database, factory.casino_id)

    environment["LOYALTY_OPERATOR_DATABASE_URL"] = database.operator
    with (directory / "redrive.log").open("wb") as log:
        redrive = start_process(
            [sys.executable, "-m", "loyalty_worker", "dlq", "redrive", "--rate", "2000", "--yes"],
            environment={**os.environ, **environment},
            output=log,
            errors=log,
        )
        async with asyncio.timeout(30):
            while await value_of(database, ENTRIES) < LETTERS // 4:
                await asyncio.sleep(0.01)
        redrive.kill()
        await asyncio.to_thread(redrive.wait, 10)
    entries = await value_of(database, ENTRIES)
    assert LETTERS // 4 <= entries < LETTERS
    assert await value_of(database, OPEN) == LETTERS - entries

    settings = {name.removeprefix("LOYALTY_"): value for name, value in environment.items()}
    again = await loyalty("dlq", "redrive", "--yes", "--json", **settings)
    assert again.returncode == 0, again.stderr
    (row,) = json.loads(again.stdout)
    assert (row["outcome"], row["records"]) == ("accrued", LETTERS - entries)
    once_more = await loyalty("dlq", "redrive", "--yes", "--json", **settings)
    assert json.loads(once_more.stdout) == []
    assert await value_of(database, ENTRIES) == LETTERS
    assert await drift_of(database, factory.casino_id) == []
