"""The drift check's schedule: each tick once among all replicas, none of the past, none early."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from conftest import TopicFactory
from loyalty_worker.application.schedule import ClaimTicks, Message, Schedule
from loyalty_worker.database.drift_ticks import PostgresDriftTicks
from loyalty_worker.database.outbox_records import OutboxRecords
from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.domain.records import Headers
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import Fault
from loyalty_worker.publishing.drift_request import SCHEDULE_SOURCE
from parts.drift import DriftHouse, drift_house, identity_of
from parts.source import Part
from sqltools import connected

TICKS = "SELECT count(*) FROM drift_tick"
ANSWERED = (
    "SELECT count(*) FROM drift_check_run WHERE trigger = 'schedule' AND finished_at IS NOT NULL"
)


class FailingTicks(PostgresDriftTicks):
    """Ticks whose database is away for the first claim."""

    failed = False

    async def claim(
        self, scheduled_for: datetime, topic: str, key: bytes, value: bytes, headers: Headers
    ) -> bool:
        if not self.failed:
            self.failed = True
            raise Fault("database_unreachable")
        return await super().claim(scheduled_for, topic, key, value, headers)


class Clock:
    """A clock that stands where it was set."""

    def __init__(self, now: str) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return datetime.fromisoformat(f"2026-07-01T{self.now}+00:00")


@pytest.fixture
async def pool(database: DatabaseUrls) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    async with asyncpg.create_pool(database.worker, min_size=1, max_size=4) as opened:
        yield opened


def claiming(
    pool: "asyncpg.Pool[asyncpg.Record]",
    clock: Clock,
    holder: str = "one",
    kind: type[PostgresDriftTicks] = PostgresDriftTicks,
) -> ClaimTicks:
    """Return what a replica does that starts now: a check at every full minute."""
    return ClaimTicks(
        kind(pool, 5.0, holder),
        Schedule("* * * * *", "UTC"),
        lambda tick: Message("requests", b"check", tick.isoformat().encode(), ()),
        clock=clock,
    )


async def requested(pool: "asyncpg.Pool[asyncpg.Record]") -> list[str]:
    """Return the minutes for which a request waits to be published."""
    pending = await OutboxRecords(pool, 5.0, ["requests"]).pending(100)
    return [datetime.fromisoformat((one.value or b"").decode()).strftime("%M") for one in pending]


async def test_a_tick_of_before_the_first_start_is_not_claimed_and_none_before_its_second(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    clock = Clock("10:00:30")
    claim = claiming(pool, clock)
    for now in ("10:00:30", "10:00:59.999999"):
        clock.now = now
        assert await claim() is None
    clock.now = "10:01:00"
    assert await claim() == clock()
    clock.now = "10:01:59"
    assert await claim() is None
    assert await requested(pool) == ["01"]


async def test_ticks_that_were_missed_are_made_up_for_by_the_newest(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    clock = Clock("10:00:30")
    claim = claiming(pool, clock)
    clock.now = "10:01:00"
    await claim()
    clock.now = "10:05:30"
    again = claiming(pool, clock, "another, started later")
    assert [await again(), await again(), await claim()] == [
        datetime(2026, 7, 1, 10, 5, tzinfo=UTC),
        None,
        None,
    ]
    assert await requested(pool) == ["01", "05"]


async def test_of_replicas_that_claim_the_same_tick_at_once_one_does(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    clock = Clock("10:00:30")
    claims = [claiming(pool, clock, f"replica {number}") for number in range(4)]
    for minute in range(1, 11):
        clock.now = f"10:{minute:02}:00"
        claimed = await asyncio.gather(*(claim() for claim in claims))
        assert sorted(tick is None for tick in claimed) == [False, True, True, True]
    assert await requested(pool) == [f"{minute:02}" for minute in range(1, 11)]


async def test_a_clock_that_is_set_back_claims_no_tick_again(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    clock = Clock("10:00:30")
    claim = claiming(pool, clock)
    clock.now = "10:05:00"
    await claim()
    clock.now = "10:03:00"
    assert [await claim(), await claiming(pool, clock, "started meanwhile")()] == [None, None]
    assert await requested(pool) == ["05"]


async def test_a_tick_whose_claim_failed_is_claimed_later(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    clock = Clock("10:00:30")
    claim = claiming(pool, clock, kind=FailingTicks)
    clock.now = "10:01:00"
    with pytest.raises(Fault, match="database_unreachable"):
        await claim()
    clock.now = "10:01:04"
    assert await claim() == datetime(2026, 7, 1, 10, 1, tzinfo=UTC)
    assert await requested(pool) == ["01"]


@pytest.fixture
async def house(
    database: DatabaseUrls, kafka: Part, create_topic: TopicFactory, directory: Path
) -> AsyncIterator[DriftHouse]:
    async with drift_house(database, kafka.address, create_topic, directory) as house:
        yield house


async def test_what_an_operator_adds_for_another_topic_is_not_published(
    pool: "asyncpg.Pool[asyncpg.Record]", database: DatabaseUrls
) -> None:
    async with connected(database.operator) as operator:
        await operator.execute(
            "INSERT INTO outbox_record (topic, value, headers)"
            " VALUES ('rating-slip-closed', 'a slip that earns points', '[]'), ('alerts', '', '[]')"
        )
    outbox = OutboxRecords(pool, 5.0, ["alerts", "requests"])
    with capture_logs() as logs:
        for _ in range(2):
            assert [one.topic for one in await outbox.pending(100)] == ["alerts"]
    (said,) = logs
    assert (said["event"], said["topics"], said["others"], said["ours"]) == (
        "outbox_topic_refused",
        ["rating-slip-closed"],
        0,
        ["alerts", "requests"],
    )


async def test_of_the_topics_that_are_refused_a_few_are_named_if_they_can_be_names(
    pool: "asyncpg.Pool[asyncpg.Record]", database: DatabaseUrls
) -> None:
    names = ["renamed.alerts_1", "b", "a", "c", "no name: a canary", "a" * 250, "a\n", ""]
    async with connected(database.operator) as operator:
        await operator.execute(
            "INSERT INTO outbox_record (topic, value, headers)"
            " SELECT name, '', '[]' FROM unnest($1::text[]) AS name",
            names,
        )
    with capture_logs() as logs:
        assert await OutboxRecords(pool, 5.0, ["alerts"]).pending(100) == []
    assert (logs[0]["topics"], logs[0]["others"]) == (["a", "b", "c"], 5)


async def test_two_replicas_run_each_tick_once_and_one_goes_on_alone(house: DriftHouse) -> None:
    started = datetime.now(UTC)
    schedule = {"LOYALTY_DRIFT_SCHEDULE": "*/2 * * * * *"}
    parts = "drift,relay,scheduler"
    async with (
        house.worker(parts, "first", **schedule) as first,
        house.worker(parts, "second", **schedule) as second,
    ):
        await house.until(f"SELECT (({ANSWERED}) >= 3)::integer", 1)
        requests = [identity_of(one) for one in await house.published(house.requests, 3)]
        runs = await house.runs()
        newest = (await ticks_of(house))[-1]
        claimer, left = (
            (first, second) if f":{first.pid}:" in newest["claimed_by"] else (second, first)
        )
        await claimer.kill()
        known = len(await ticks_of(house))
        await house.until(f"SELECT (({TICKS}) >= {known + 1})::integer", 1)
    ticks = await ticks_of(house)
    asked = [EventIdentity(SCHEDULE_SOURCE, tick["asked_as"]) for tick in ticks]
    assert requests == asked[: len(requests)]
    assert [(SCHEDULE_SOURCE, run["request_id"]) for run in runs] == [
        (one.source, one.id) for one in asked[: len(runs)]
    ]
    assert {(run["trigger"], run["verdict"]) for run in runs} <= {
        ("schedule", "clean"),
        ("schedule", None),
    }
    assert all(started <= tick["scheduled_for"] <= tick["claimed_at"] for tick in ticks)
    assert all(f":{left.pid}:" in tick["claimed_by"] for tick in ticks[known:])


async def ticks_of(house: DriftHouse) -> list[asyncpg.Record]:
    """Return all ticks in order, each with the id of its request."""
    return await house.rows(
        "SELECT *, to_char(scheduled_for AT TIME ZONE 'UTC',"
        ' \'"drift-check:"YYYY-MM-DD"T"HH24:MI:SS+00:00\') AS asked_as'
        " FROM drift_tick ORDER BY scheduled_for"
    )
