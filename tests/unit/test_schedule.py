"""Which tick of the drift check's schedule is the newest: in time zones and over clock changes."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_worker.application.schedule import Schedule

VIENNA = "Europe/Vienna"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ticks(expression: str, timezone: str, start: str, end: str, seconds: int) -> list[str]:
    """Return the ticks that a worker sees who looks every so many seconds."""
    schedule = Schedule(expression, timezone)
    now = at(start)
    found: list[str] = []
    while now <= at(end):
        tick = schedule.newest_tick(now)
        assert tick is not None
        assert tick.tzinfo is UTC
        assert tick <= now
        found.append(tick.strftime("%d %H:%M"))
        now += timedelta(seconds=seconds)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-07-01T02:59:59.999999+00:00", "2026-06-30T03:00:00+00:00"),
        ("2026-07-01T03:00:00+00:00", "2026-07-01T03:00:00+00:00"),
        ("2026-07-01T03:00:00.000001+00:00", "2026-07-01T03:00:00+00:00"),
        ("2026-07-01T23:59:59+00:00", "2026-07-01T03:00:00+00:00"),
    ],
)
def test_a_tick_is_due_at_its_second_and_not_before(now: str, newest: str) -> None:
    assert Schedule("0 3 * * *", "UTC").newest_tick(at(now)) == at(newest)


@pytest.mark.parametrize("offset", ["+00:00", "+09:00", "-11:00"])
def test_the_zone_of_the_schedule_decides_not_that_of_the_clock(offset: str) -> None:
    now = at("2026-07-01T01:30:00+00:00").astimezone(at(f"2026-07-01T00:00:00{offset}").tzinfo)
    assert Schedule("0 3 * * *", VIENNA).newest_tick(now) == at("2026-07-01T01:00:00+00:00")
    assert Schedule("0 3 * * *", "Asia/Tokyo").newest_tick(now) == at("2026-06-30T18:00:00+00:00")
    assert Schedule("0 3 * * *", "UTC").newest_tick(now) == at("2026-06-30T03:00:00+00:00")


def test_of_ticks_that_were_missed_the_newest_is_given() -> None:
    schedule = Schedule("*/5 * * * *", "UTC")
    assert schedule.newest_tick(at("2026-07-09T10:14:59+00:00")) == at("2026-07-09T10:10:00+00:00")


def test_six_fields_begin_with_seconds() -> None:
    schedule = Schedule("*/2 * * * * *", "UTC")
    assert schedule.newest_tick(at("2026-07-01T10:00:03.9+00:00")) == at(
        "2026-07-01T10:00:02+00:00"
    )


@pytest.mark.parametrize(
    ("expression", "seen"),
    [
        ("0 1 * * *", ["28 00:00", "29 00:00", "29 23:00"]),
        ("30 2 * * *", ["28 01:30", "29 01:00", "30 00:30"]),
        ("0 3 * * *", ["28 02:00", "29 01:00", "30 01:00"]),
        ("0 4 * * *", ["28 03:00", "29 02:00", "30 02:00"]),
    ],
)
def test_when_an_hour_is_skipped_each_day_keeps_one_tick(expression: str, seen: list[str]) -> None:
    found = ticks(expression, VIENNA, "2026-03-28T03:30:00+00:00", "2026-03-30T02:30:00+00:00", 600)
    assert found == seen


@pytest.mark.parametrize(
    ("expression", "seen"),
    [
        ("0 1 * * *", ["23 23:00", "24 23:00", "26 00:00"]),
        ("30 2 * * *", ["24 00:30", "25 00:30", "26 01:30"]),
        ("0 3 * * *", ["24 01:00", "25 02:00", "26 02:00"]),
    ],
)
def test_when_an_hour_comes_twice_each_day_has_one_tick(expression: str, seen: list[str]) -> None:
    found = ticks(expression, VIENNA, "2026-10-24T04:00:00+00:00", "2026-10-26T04:00:00+00:00", 600)
    assert found == seen


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_an_hourly_schedule_comes_every_hour_of_a_clock_change(day: str) -> None:
    found = ticks("0 * * * *", VIENNA, f"{day}T00:00:00+00:00", f"{day}T05:00:00+00:00", 300)
    assert [one[3:] for one in found] == [f"{hour:02}:00" for hour in range(6)]
    second = at(f"{day}T01:00:00+00:00")
    assert Schedule("0 * * * *", VIENNA).newest_tick(second) == second
