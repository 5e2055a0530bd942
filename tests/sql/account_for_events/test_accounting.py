"""How a processed record is accounted for, and what is lacking where nothing does."""

import uuid
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import asyncpg
import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlletters import copy_pending, file_letters, hash_of, redriven
from sqlpromotions import DISABLED, Promotion, award, close, park, post_awards, release
from sqlslips import ACCRUED_2100, GHOST, SKIPPED, Connection, Slip, new_slip, post, scope
from sqltools import lose

_PLACES = ", ".join(f"${number}" for number in range(1, 18))
_CALL = f"SELECT ordinal, account, lacking FROM account_for_events({_PLACES}) ORDER BY ordinal"  # noqa: S608 - numbers
SLIPS, PROMOTIONS = "rating-slip-closed", "promotion"

LEDGER = ("ledger", None)
PARKED = ("parked", None)
LETTER = ("dead_letter", None)
EARNS_NOTHING = ("skipped", None)
NOTHING = (None, "everything")


def lacks(what: str) -> tuple[None, str]:
    return None, what


async def accounts(
    connection: Connection,
    *events: Slip | Promotion | None,
    topic: str = SLIPS,
    hashes: Sequence[bytes] | None = None,
) -> list[tuple[str | None, str | None]]:
    """Ask about events at offsets 0, 1, …; None is a record that is no event."""
    slips = [one if isinstance(one, Slip) else None for one in events]
    awards = [one if isinstance(one, Promotion) else None for one in events]
    rows = await connection.fetch(
        _CALL,
        topic,
        0,
        list(range(len(events))),
        hashes or [hash_of(str(offset)) for offset in range(len(events))],
        ["rating_slip_closed" if isinstance(one, Slip) else one and "promotion" for one in events],
        [one and one.casino_id for one in events],
        [one and one.rating_slip_id for one in events],
        [one and one.visit_id for one in slips],
        [one and one.visit_kind for one in slips],
        [one and one.player_id for one in slips],
        [one and one.average_bet for one in slips],
        [one and one.closed_at for one in slips],
        [one and one.duration_seconds for one in slips],
        [one and one.policy_snapshot for one in slips],
        [one and one.campaign for one in awards],
        [one and one.multiplier for one in awards],
        [one and one.bonus for one in awards],
    )
    assert [row["ordinal"] for row in rows] == list(range(1, len(events) + 1))
    return [(row["account"], row["lacking"]) for row in rows]


async def asked(
    operator: Connection,
    casino: uuid.UUID,
    *events: Slip | Promotion | None,
    topic: str = SLIPS,
    hashes: Sequence[bytes] | None = None,
) -> list[tuple[str | None, str | None]]:
    async with scope(operator, [casino]):
        return await accounts(operator, *events, topic=topic, hashes=hashes)


def ghost(casino: uuid.UUID) -> Slip:
    return new_slip(casino, visit_kind=GHOST, player_id=None, policy_snapshot=None)


async def test_entries_account_for_slips_and_promotions_and_for_their_duplicates(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    promotion = award(slip)
    await post(worker, slip)
    await post_awards(worker, promotion)
    again, under_another_key = slip, slip.but(key=uuid.uuid4())
    assert await asked(operator, casino, slip, again, under_another_key) == [LEDGER] * 3
    assert await asked(operator, casino, promotion, promotion.but(key=uuid.uuid4())) == [LEDGER] * 2


async def test_a_slip_that_earns_nothing_accounts_for_itself_and_for_its_promotions(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slip = ghost(casino)
    await post(worker, slip)
    assert await asked(operator, casino, slip, award(slip)) == [EARNS_NOTHING] * 2


async def test_what_nobody_ever_saw_is_unaccounted(operator: Connection, casino: uuid.UUID) -> None:
    slip = new_slip(casino)
    assert await asked(operator, casino, slip, award(slip), None, ghost(casino)) == [
        NOTHING,
        NOTHING,
        lacks("letter"),
        NOTHING,
    ]


async def test_a_rated_slip_that_is_recorded_without_its_entry_is_unaccounted(
    worker: Connection, operator: Connection, casino: uuid.UUID, database: DatabaseUrls
) -> None:
    lost, kept = new_slip(casino), new_slip(casino)
    assert await post(worker, lost, kept) == [ACCRUED_2100] * 2
    promotion = award(lost)
    await post_awards(worker, promotion)
    await lose(database, f"loyalty_ledger WHERE rating_slip_id = '{lost.rating_slip_id}'")
    assert await asked(operator, casino, lost, kept, promotion) == [
        lacks("entry_of_slip"),
        LEDGER,
        NOTHING,
    ]


async def test_a_conflict_needs_its_letter_though_the_slip_or_the_campaign_has_an_entry(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slip, unrated = new_slip(casino), ghost(casino)
    promotion = award(slip)
    await post(worker, slip, unrated)
    await post_awards(worker, promotion)
    conflicts = (
        slip.but(average_bet=Decimal(7)),
        unrated.but(average_bet=Decimal(7)),
        promotion.but(bonus=7),
    )
    assert await asked(operator, casino, *conflicts) == [lacks("letter_of_conflict")] * 3
    await file_letters(worker, 0, 1, 2)
    assert await asked(operator, casino, *conflicts) == [LETTER] * 3


async def test_a_waiting_event_is_parked_and_a_released_one_counts_by_what_came_of_it(
    worker: Connection, operator: Connection, casino: uuid.UUID, database: DatabaseUrls
) -> None:
    slip, other = new_slip(casino), new_slip(casino)
    promotion, orphan = award(slip, offset=0), award(other, offset=1)
    _, expired = await park(worker, promotion, orphan)
    hashes = [hash_of("promotion0"), hash_of("promotion1")]

    async def now() -> list[tuple[str | None, str | None]]:
        return await asked(operator, casino, promotion, orphan, topic=PROMOTIONS, hashes=hashes)

    assert await now() == [PARKED, PARKED]
    await post(worker, slip)
    async with scope(worker, [casino]):
        await release(worker, slip)
    assert await now() == [LEDGER, PARKED]
    await close(worker, (expired, "dead_lettered", "PARKED_EXPIRED"))
    assert await now() == [LEDGER, LETTER]
    await lose(database, "loyalty_ledger WHERE reason = 'promotion'")
    await lose(database, "dead_letter")
    assert await now() == [lacks("entry_of_parked"), lacks("letter_of_parked")]
    await lose(database, "parked_event")
    assert await now() == [NOTHING, NOTHING]


async def test_a_slip_of_a_disabled_casino_is_parked(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await park(worker, slip, cause=DISABLED)
    hashes = [hash_of("rating_slip_closed0")]
    assert await asked(operator, casino, slip, topic=PROMOTIONS, hashes=hashes) == [PARKED]


async def test_a_letter_counts_open_discarded_and_purged_but_not_closed_as_posted(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slips = [new_slip(casino) for _ in range(4)]
    letters = await file_letters(worker, 0, 1, 2, 3)
    await operator.execute("SELECT discard_letters($1, 'garbage')", [letters[1]])
    await copy_pending(worker)
    assert await operator.fetchval("SELECT letters FROM purge_stored_records('0')") == 1
    await redriven(worker, (letters[2], "accrued"), (letters[3], "skipped"))
    await post(worker, slips[2])
    assert await asked(operator, casino, *slips) == [
        LETTER,
        LETTER,
        LEDGER,
        lacks("entry_of_letter"),
    ]


async def test_a_letter_and_a_parked_row_are_one_record_s_by_hash_and_not_by_place(
    worker: Connection, operator: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await file_letters(worker, 0)
    await park(worker, slip)
    other = [hash_of("another record at the same place")]
    assert await asked(operator, casino, None, hashes=other) == [lacks("letter")]
    assert await asked(operator, casino, slip, topic=PROMOTIONS, hashes=other) == [NOTHING]


async def test_the_readonly_login_is_told_the_same_and_the_worker_nothing(
    worker: Connection, readonly: Connection, casino: uuid.UUID
) -> None:
    slip, unrated = new_slip(casino), ghost(casino)
    assert await post(worker, slip, unrated) == [ACCRUED_2100, SKIPPED]
    asked_of = (slip, unrated, award(slip))
    assert await accounts(readonly, *asked_of) == [LEDGER, EARNS_NOTHING, NOTHING]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await accounts(worker, *asked_of)


async def test_look_ups_probe_the_right_index_however_the_tables_grew(
    worker: Connection, operator: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute("ALTER TABLE loyalty_ledger SET (autovacuum_enabled = off)")
    early = new_slip(casino)
    await post(worker, early)
    async with scope(operator, [casino]):  # planned for almost empty tables
        await accounts(operator, *[early] * 10)
    slips = [new_slip(casino, player_id=early.player_id) for _ in range(300)]
    await post(worker, *slips)
    await post_awards(worker, *[award(slip) for slip in slips])
    await file_letters(worker, *range(300))
    asked_of = [*slips[:20], *[award(slip) for slip in slips[20:30]], None]
    async with scope(operator, [casino]):
        before = await _read(operator)
        assert await accounts(operator, *asked_of) == [*[LEDGER] * 30, LETTER]
        read = await _read(operator) - before
    assert read == {
        "loyalty_ledger_base_accrual_once": 20,
        "loyalty_ledger_promotion_once": 10,
        "rating_slip_pkey": 30,
        "dead_letter_record_once": 31,
    }


async def _read(connection: Connection) -> Counter[str]:
    """Return how many index entries the session read, by index, and rows without one, by table."""
    rows = await connection.fetch(
        "SELECT c.relname, pg_stat_get_xact_tuples_returned(c.oid) FROM pg_class AS c"
        " LEFT JOIN pg_index AS i ON i.indexrelid = c.oid"
        " JOIN pg_class AS t ON t.oid = coalesce(i.indrelid, c.oid)"
        " WHERE t.relname IN ('loyalty_ledger', 'rating_slip', 'dead_letter', 'parked_event')"
    )
    return Counter({row[0]: row[1] for row in rows})
