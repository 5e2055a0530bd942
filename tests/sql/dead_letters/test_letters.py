"""Dead letters: kept byte for byte, counted again, resolved."""

import json
import uuid
from datetime import UTC, datetime

from sqlletters import TOPIC, file_letters, hash_of
from sqlslips import Connection

_RESOLVE = "SELECT resolve_dead_letters($1, $2, $3, $4)"


async def test_a_letter_keeps_the_record_byte_for_byte(worker: Connection) -> None:
    await file_letters(worker, 7)

    letter = await worker.fetchrow("SELECT * FROM dead_letter")
    assert letter is not None
    assert (letter["topic"], letter["partition"], letter["offset"]) == (TOPIC, 0, 7)
    assert (letter["key"], letter["value"]) == (None, b"\x00\xff{")
    assert json.loads(letter["headers"]) == [["dHJhY2U=", None], ["dHJhY2U=", "/w=="]]
    assert letter["record_hash"] == hash_of("7")
    assert letter["broker_timestamp"] == datetime(2026, 3, 14, tzinfo=UTC)
    assert (letter["event_source"], letter["event_id"]) == ("source", "id")
    assert letter["casino_id"] == uuid.UUID(int=7)
    assert (letter["status"], letter["attempts"]) == ("open", 1)
    assert (letter["reason"], letter["sqlstate"]) == ("EVENT_UNDECODABLE", "LY007")


async def test_a_record_refused_again_counts_the_attempt_and_says_the_newest_reason(
    worker: Connection,
) -> None:
    await file_letters(worker, 1, 2)
    await file_letters(worker, 2, 3, reason="LOYALTY_FACTS_CONFLICT")

    rows = await worker.fetch('SELECT "offset", attempts, reason FROM dead_letter ORDER BY 1')
    assert [tuple(row) for row in rows] == [
        (1, 1, "EVENT_UNDECODABLE"),
        (2, 2, "LOYALTY_FACTS_CONFLICT"),
        (3, 1, "LOYALTY_FACTS_CONFLICT"),
    ]


async def test_the_same_offset_of_a_recreated_topic_is_another_record(worker: Connection) -> None:
    await file_letters(worker, 1)
    await file_letters(worker, 1, record="another")

    assert await worker.fetchval("SELECT count(*) FROM dead_letter WHERE attempts = 1") == 2


async def test_open_letters_of_records_that_posted_are_resolved_and_counted(
    worker: Connection, superuser: Connection
) -> None:
    await file_letters(worker, 1, 2, 3)
    hashes = [hash_of("1"), hash_of("another"), hash_of("3"), hash_of("9")]
    assert await worker.fetchval(_RESOLVE, TOPIC, 0, [1, 2, 3, 9], hashes) == 2
    assert await worker.fetchval(_RESOLVE, TOPIC, 0, [1, 2, 3, 9], hashes) == 0
    assert await worker.fetchval(_RESOLVE, TOPIC, 1, [2], [hash_of("2")]) == 0

    rows = await superuser.fetch(
        'SELECT "offset", status, closed_at IS NULL FROM dead_letter ORDER BY 1'
    )
    assert [tuple(row) for row in rows] == [
        (1, "resolved", False),
        (2, "open", True),
        (3, "resolved", False),
    ]


async def test_a_letter_that_a_person_closed_keeps_its_status(
    worker: Connection, superuser: Connection
) -> None:
    await file_letters(worker, 1)
    await superuser.execute("UPDATE dead_letter SET status = 'discarded', closed_at = now()")
    await file_letters(worker, 1)
    resolved = await worker.fetchval(_RESOLVE, TOPIC, 0, [1], [hash_of("1")])

    assert resolved == 0
    row = await worker.fetchrow("SELECT status, attempts FROM dead_letter")
    assert row is not None
    assert tuple(row) == ("discarded", 2)
