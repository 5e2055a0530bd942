"""What a person does to letters: discard them, set a record aside, empty what is settled."""

import json
from datetime import timedelta

import asyncpg
import pytest

from sqlletters import (
    GROUP,
    HEADERS,
    TOPIC,
    copy_pending,
    file_letters,
    parked_row,
    quarantine,
    redriven,
)
from sqlslips import Connection

_DISCARD = "SELECT discard_letters($1, $2)"
_PURGE = "SELECT * FROM purge_stored_records($1)"


async def _audited(superuser: Connection) -> list[tuple[str, dict[str, object]]]:
    rows = await superuser.fetch(
        "SELECT action, details FROM audit_log WHERE domain = 'dead_letter'"
        " AND casino_id IS NULL ORDER BY id"
    )
    return [(row["action"], json.loads(row["details"])) for row in rows]


async def test_open_letters_are_discarded_with_a_reason_and_others_left_alone(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    first, second, third = await file_letters(worker, 1, 2, 3)
    await redriven(worker, (second, "accrued"))

    assert await operator.fetchval(_DISCARD, [third, second, first, third], " test data ") == 2
    assert await operator.fetchval(_DISCARD, [first, second], "again") == 0
    rows = await worker.fetch("SELECT status, discard_reason FROM dead_letter ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("discarded", "test data"),
        ("redriven", None),
        ("discarded", "test data"),
    ]
    assert await _audited(superuser) == [
        ("discard", {"ids": [first, third], "reason": "test data"})
    ]


@pytest.mark.parametrize("reason", [None, " "])
async def test_without_a_reason_nothing_is_discarded_or_set_aside(
    worker: Connection, operator: Connection, reason: str | None
) -> None:
    letters = await file_letters(worker, 1)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="reason"):
        await operator.execute(_DISCARD, letters, reason)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="reason"):
        await quarantine(operator, 2, reason=reason)  # type: ignore[arg-type]  # what is refused
    assert await worker.fetchval("SELECT array_agg(status) FROM dead_letter") == ["open"]


async def test_a_record_set_aside_becomes_an_open_letter_with_its_bytes(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    letter = await quarantine(operator, 17)

    row = await worker.fetchrow("SELECT * FROM dead_letter")
    assert row is not None
    assert (row["id"], row["topic"], row["partition"], row["offset"]) == (letter, TOPIC, 0, 17)
    assert (row["key"], row["value"], json.loads(row["headers"])) == (b"key", b"value", HEADERS)
    assert (row["reason"], row["detail"], row["sqlstate"]) == ("QUARANTINED", "poison", None)
    assert (row["status"], row["quarantined"], row["attempts"]) == ("open", True, 1)
    assert await copy_pending(worker) == [letter]
    place = {"consumer_group": GROUP, "topic": TOPIC, "partition": 0, "offset": 17}
    assert await _audited(superuser) == [("quarantine", {"id": letter, "reason": "poison"} | place)]


@pytest.mark.parametrize("before", ["open", "resolved", "redriven", "discarded", "purged"])
async def test_a_letter_that_is_there_is_set_aside_whatever_it_was(
    worker: Connection, operator: Connection, superuser: Connection, before: str
) -> None:
    (letter,) = await file_letters(worker, 17)
    await copy_pending(worker)
    if before != "open":
        await superuser.execute(
            "UPDATE dead_letter SET status = $1, closed_at = now() - interval '1 day',"
            " discard_reason = 'x'",
            "redriven" if before == "purged" else before,
        )
    if before == "purged":
        await operator.execute(_PURGE, timedelta(hours=1))

    assert await quarantine(operator, 17) == letter
    row = await worker.fetchrow("SELECT * FROM dead_letter")
    assert row is not None
    assert (row["status"], row["closed_at"], row["discard_reason"]) == ("open", None, None)
    assert (row["reason"], row["sqlstate"], row["quarantined"]) == ("QUARANTINED", None, True)
    assert (row["value"], row["purged_at"]) == (b"value", None)
    assert await copy_pending(worker) == [letter]


async def test_what_is_settled_and_copied_long_enough_is_emptied_and_nothing_else(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    settled, recent, uncopied, still_open = await file_letters(worker, 1, 2, 3, 4)
    await copy_pending(worker)
    await redriven(worker, (settled, "accrued"), (recent, "accrued"), (uncopied, "accrued"))
    old = "UPDATE dead_letter SET closed_at = now() - interval '31 days' WHERE id = ANY ($1)"
    await superuser.execute(old, [settled, uncopied])
    await superuser.execute("UPDATE dead_letter SET copied_at = NULL WHERE id = $1", uncopied)

    purged = await operator.fetchrow(_PURGE, timedelta(days=30))
    assert purged is not None
    assert tuple(purged) == (1, 0)
    rows = await worker.fetch(
        "SELECT id, value, headers, purged_at IS NOT NULL AS purged FROM dead_letter ORDER BY id"
    )
    assert [row["id"] for row in rows if row["purged"]] == [settled]
    assert (rows[0]["value"], rows[0]["headers"]) == (None, "[]")
    assert all(row["value"] is not None for row in rows if row["id"] != settled)
    assert rows[3]["id"] == still_open

    again = await operator.fetchrow(_PURGE, timedelta(days=30))
    assert again is not None
    assert tuple(again) == (0, 0)
    actions = await _audited(superuser)
    assert [action for action, _ in actions] == ["purge", "purge"]
    assert actions[0][1] == {"older_than": "30 days", "letters": 1, "parked": 0}


async def test_released_parked_rows_are_emptied_and_waiting_ones_are_not(
    worker: Connection, operator: Connection, superuser: Connection
) -> None:
    released = await parked_row(superuser, 1, outcome="accrued")
    await superuser.execute("UPDATE parked_event SET released_at = now() - interval '31 days'")
    await parked_row(superuser, 2, outcome="dead_lettered")
    await parked_row(superuser, 3)

    purged = await operator.fetchrow(_PURGE, timedelta(days=30))
    assert purged is not None
    assert tuple(purged) == (0, 1)
    rows = await worker.fetch("SELECT * FROM parked_event ORDER BY id")
    assert (rows[0]["id"], rows[0]["key"], rows[0]["value"]) == (released, None, None)
    assert (rows[0]["headers"], rows[0]["outcome"]) == ("[]", "accrued")
    assert [row["purged_at"] is None for row in rows] == [False, True, True]
    assert all(row["value"] is not None for row in rows[1:])


@pytest.mark.parametrize("age", [None, timedelta(seconds=-1)])
async def test_an_age_that_is_none_purges_nothing(
    worker: Connection, operator: Connection, age: timedelta | None
) -> None:
    (letter,) = await file_letters(worker, 1)
    await copy_pending(worker)
    await redriven(worker, (letter, "accrued"))
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await operator.execute(_PURGE, age)
    assert await worker.fetchval("SELECT value IS NOT NULL FROM dead_letter")


async def test_only_an_operator_does_all_this(worker: Connection, readonly: Connection) -> None:
    letters = await file_letters(worker, 1)
    for connection in (worker, readonly):
        for call, arguments in ((_DISCARD, (letters, "x")), (_PURGE, (timedelta(),))):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(call, *arguments)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await quarantine(connection, 2)


@pytest.mark.parametrize("column", ["topic", "record_hash", "attempts", "occurred_at", "casino_id"])
async def test_an_operator_cannot_change_which_record_a_letter_is_about(
    worker: Connection, operator: Connection, column: str
) -> None:
    await file_letters(worker, 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator.execute(f"UPDATE dead_letter SET {column} = DEFAULT")  # noqa: S608 - ours
