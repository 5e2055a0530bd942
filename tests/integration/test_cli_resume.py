"""`loyalty resume`: which halts it ends, what it asks for, and what it writes down."""

import pytest

from command import Run, loyalty
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import connected, row_of, value_of

TOPIC = "rating-slip-closed"
OPEN = "SELECT count(*) FROM consumer_halt WHERE ended_at IS NULL"


@pytest.fixture(autouse=True)
async def halted(database: DatabaseUrls) -> None:
    """Two topics that are halted."""
    async with connected(database.worker) as worker:
        for topic, reason in ((TOPIC, "breaker"), ("another", "poison")):
            await worker.execute(
                "SELECT record_halt('loyalty-accrual', $1, 2, 40, $2, 'detail')", topic, reason
            )


async def resume(database: DatabaseUrls, *arguments: str) -> Run:
    return await loyalty(
        "resume",
        *arguments,
        OPERATOR_DATABASE_URL=database.operator,
        TOPIC_RATING_SLIP_CLOSED=TOPIC,
    )


async def test_the_plan_names_the_halt_and_nothing_is_ended_without_yes(
    database: DatabaseUrls,
) -> None:
    plan = await resume(database, TOPIC, "--reason", "mended")
    assert plan.returncode == 2
    assert f"end the halt of {TOPIC} for loyalty-accrual: breaker since" in plan.stderr
    assert "partition 2, offset 40" in plan.stderr
    assert (await resume(database, TOPIC, "--reason", "", "--yes")).returncode == 2
    assert (await resume(database, TOPIC, "--yes")).returncode == 2
    assert await value_of(database, OPEN) == 2


async def test_one_topic_goes_on_others_stay_halted_and_it_is_audited_with_who_and_why(
    database: DatabaseUrls,
) -> None:
    done = await resume(database, TOPIC, "--reason", "mended", "--actor", "a tester", "--yes")
    assert done.returncode == 0, done.stderr
    assert await value_of(database, OPEN) == 1
    halt = await row_of(
        database,
        "SELECT topic, ended_by, end_reason FROM consumer_halt WHERE ended_at IS NOT NULL",
    )
    assert tuple(halt) == (TOPIC, "a tester", "mended")
    audit = await row_of(
        database,
        "SELECT actor_name, details ->> 'reason' FROM audit_log WHERE action = 'resume'",
    )
    assert tuple(audit) == ("a tester", "mended")
    again = await resume(database, TOPIC, "--reason", "mended", "--yes")
    assert (again.returncode, again.stdout) == (0, f"{TOPIC} is not halted, and nothing is lost\n")


async def test_a_topic_that_is_not_consumed_is_a_mistake_of_the_person(
    database: DatabaseUrls,
) -> None:
    run = await resume(database, "no-such-topic", "--reason", "mended", "--yes")
    assert run.returncode == 2
    assert TOPIC in run.stderr
