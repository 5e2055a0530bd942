"""The casino's business day, by the clock on its wall."""

from datetime import date, datetime, time

import pytest

from sqlslips import Connection


@pytest.mark.parametrize(
    ("closed_at", "timezone", "start", "day"),
    [
        ("2026-03-14T22:30:00+00:00", "UTC", "06:00", "2026-03-14"),
        ("2026-03-15T05:59:59.999999+00:00", "UTC", "06:00", "2026-03-14"),
        ("2026-03-15T06:00:00+00:00", "UTC", "06:00", "2026-03-15"),
        ("2026-03-15T05:30:00+00:00", "Europe/Vienna", "06:00", "2026-03-15"),
        ("2026-03-15T05:30:00+00:00", "America/Los_Angeles", "06:00", "2026-03-14"),
        # the night in which clocks go forward: 05:30 on the wall is 03:30 UTC, not 04:30
        ("2026-03-29T03:30:00+00:00", "Europe/Vienna", "06:00", "2026-03-28"),
        ("2026-03-29T04:00:00+00:00", "Europe/Vienna", "06:00", "2026-03-29"),
        ("2026-03-15T00:00:00+00:00", "UTC", "00:00", "2026-03-15"),
    ],
)
async def test_what_is_before_the_start_on_the_wall_belongs_to_the_day_before(
    readonly: Connection, closed_at: str, timezone: str, start: str, day: str
) -> None:
    found = await readonly.fetchval(
        "SELECT loyalty_gaming_day($1, $2, $3)",
        datetime.fromisoformat(closed_at),
        timezone,
        time.fromisoformat(start),
    )
    assert found == date.fromisoformat(day)
