"""What stands open, as numbers for metrics."""

import asyncpg
import pytest

from sqlletters import GROUP, TOPIC, file_letters, parked_row, redriven
from sqlslips import Connection

_GAUGES = "SELECT * FROM operational_gauges()"
_HALT = "SELECT record_halt($1, $2, 0, 0, $3, 'detail')"


async def _gauges(connection: Connection) -> set[tuple[str, str, str | None, float]]:
    return {
        (row["gauge"], row["label"], row["reason"], row["value"])
        for row in await connection.fetch(_GAUGES)
    }


async def test_where_nothing_stands_open_there_is_no_row(worker: Connection) -> None:
    assert await _gauges(worker) == set()


async def test_open_letters_are_counted_by_reason_with_the_time_of_the_oldest(
    worker: Connection, readonly: Connection
) -> None:
    letters = await file_letters(worker, 1, 2, 3)
    await file_letters(worker, 4, reason="EVENT_ID_MISSING")
    await redriven(worker, (letters[0], "accrued"))
    oldest = await worker.fetchval(
        "SELECT extract(epoch FROM occurred_at)::float8 FROM dead_letter WHERE id = $1", letters[1]
    )
    assert await _gauges(readonly) == {
        ("dead_letters_open", "EVENT_UNDECODABLE", None, 2),
        ("dead_letters_open", "EVENT_ID_MISSING", None, 1),
        ("dead_letter_oldest_timestamp_seconds", "", None, oldest),
    }


async def test_waiting_events_are_counted_by_cause_and_released_ones_are_not(
    worker: Connection, superuser: Connection
) -> None:
    await parked_row(superuser, 1)
    await parked_row(superuser, 2)
    await parked_row(superuser, 3, cause="accrual_disabled")
    await parked_row(superuser, 4, outcome="accrued")

    assert await _gauges(worker) == {
        ("parked_events", "awaiting_accrual", None, 2),
        ("parked_events", "accrual_disabled", None, 1),
    }


async def test_a_halted_topic_is_one_row_a_reason_whatever_the_groups(
    worker: Connection, operator: Connection
) -> None:
    for group in (GROUP, "other"):
        await worker.execute(_HALT, group, TOPIC, "breaker")
    await worker.execute(_HALT, "third", TOPIC, "unknown_error")
    await worker.execute(_HALT, GROUP, "promotion", "breaker")
    await operator.execute("SELECT end_halts('promotion', 'mended')")

    assert await _gauges(worker) == {
        ("consumer_halted", TOPIC, "breaker", 1),
        ("consumer_halted", TOPIC, "unknown_error", 1),
    }


async def test_only_those_who_show_metrics_read_them(operator: Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _gauges(operator)
