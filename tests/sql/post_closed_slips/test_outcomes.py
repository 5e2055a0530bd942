"""What becomes of a slip, case by case, and what the entry keeps."""

import json
import uuid
from datetime import date, timedelta
from decimal import Decimal

from sqlslips import (
    ACCRUED_2100,
    BY_KEY,
    BY_NATURAL_KEY,
    GHOST,
    REWARD,
    SKIPPED,
    Connection,
    Verdict,
    new_slip,
    post,
    post_rows,
    refused,
    scope,
    snapshot,
)


async def test_an_entry_explains_itself(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino, average_bet=Decimal(50), duration_seconds=1800)
    assert await post(worker, slip) == [Verdict("accrued", points=263)]

    entry = await superuser.fetchrow("SELECT * FROM loyalty_ledger")
    assert entry is not None
    assert entry["reason"] == "base_accrual"
    assert (entry["source_kind"], entry["source_id"]) == ("rating_slip", slip.rating_slip_id)
    assert (entry["rating_slip_id"], entry["visit_id"]) == (slip.rating_slip_id, slip.visit_id)
    assert (entry["entry_no"], entry["points_delta"], entry["balance_after"]) == (1, 263, 263)
    assert entry["idempotency_key"] == slip.key
    assert entry["occurred_at"] == slip.closed_at
    assert json.loads(entry["metadata"], parse_float=Decimal) == {
        "event": {
            "source": "casino/tables",
            "id": "event-0",
            "topic": "rating-slip-closed",
            "partition": 0,
            "offset": 0,
        },
        "calc": {
            "average_bet": 50,
            "duration_seconds": 1800,
            "house_edge": Decimal("1.5"),
            "decisions_per_hour": 70,
            "points_conversion_rate": 10,
            "theo": Decimal("26.25"),
            "points": 263,
        },
        "policy": {"policy_version": "loyalty_points_v1", "rounding": "half_away_from_zero"},
    }
    assert entry["payload_hash"] == await superuser.fetchval("SELECT facts_hash FROM rating_slip")


async def test_policy_numbers_count_the_same_in_every_spelling(
    worker: Connection, casino: uuid.UUID
) -> None:
    spellings = ["1.50", "15e-1", '"1.5"', '"01.5000"', f"1.5{'0' * 60}"]
    policies = [snapshot().replace("1.5", spelling) for spelling in spellings]

    assert await post(worker, *(new_slip(casino, policy_snapshot=p) for p in policies)) == [
        ACCRUED_2100 for _ in spellings
    ]


async def test_a_slip_of_no_points_is_an_entry_all_the_same(
    worker: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino, average_bet=Decimal(0))

    assert await post(worker, slip) == [Verdict("accrued", points=0)]
    assert await post(worker, slip) == [BY_KEY]


async def test_the_gaming_day_is_the_events_or_derived_from_the_casinos_clock(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await superuser.execute(
        "INSERT INTO casino_settings (casino_id, timezone, gaming_day_start)"
        " VALUES ($1, 'America/New_York', '19:00')",
        casino,
    )
    given = new_slip(casino, gaming_day=date(2026, 1, 1))
    derived = new_slip(casino)  # closed 22:30 UTC, 18:30 in New York: still the day before
    await post(worker, given, derived)

    for slip, day in ((given, date(2026, 1, 1)), (derived, date(2026, 3, 13))):
        for query in (
            "SELECT gaming_day FROM rating_slip WHERE id = $1",
            "SELECT gaming_day FROM loyalty_ledger WHERE rating_slip_id = $1",
        ):
            assert await superuser.fetchval(query, slip.rating_slip_id) == day


async def test_an_open_slip_is_closed_by_its_event(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await superuser.execute(
        "INSERT INTO rating_slip (casino_id, id, visit_id, visit_kind, started_at, status)"
        " VALUES ($1, $2, $3, $4, $5, 'open')",
        casino,
        slip.rating_slip_id,
        uuid.uuid4(),
        GHOST,
        slip.started_at,
    )

    assert await post(worker, slip) == [ACCRUED_2100]
    stored = await superuser.fetchrow("SELECT status, visit_id, average_bet FROM rating_slip")
    assert stored is not None
    assert tuple(stored) == ("closed", slip.visit_id, 100)


async def test_a_closed_slip_that_a_service_recorded_without_posting_is_accrued_by_its_event(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await superuser.execute(
        "INSERT INTO rating_slip (casino_id, id, player_id, visit_id, visit_kind, average_bet,"
        " started_at, closed_at, duration_seconds, status, policy_snapshot)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'closed', $10)",
        casino,
        slip.rating_slip_id,
        slip.player_id,
        slip.visit_id,
        slip.visit_kind,
        slip.average_bet,
        slip.started_at,
        slip.closed_at,
        slip.duration_seconds,
        slip.policy_snapshot,
    )

    assert await post(worker, slip.but(average_bet=Decimal(99))) == [refused("FACTS_CONFLICT")]
    assert await post(worker, slip, slip) == [ACCRUED_2100, BY_KEY]


async def test_a_reversed_slip_stays_reversed_when_its_event_comes_again(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    await post(worker, slip)
    await superuser.execute(
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, reversed_ledger_id, rating_slip_id, visit_id, staff_id, note, idempotency_key,"
        " payload_hash)"
        " SELECT casino_id, player_id, 2, -2100, 0, 'reversal', id, rating_slip_id, visit_id,"
        " gen_random_uuid(),"
        " 'rated the wrong player', gen_random_uuid(), payload_hash FROM loyalty_ledger"
    )

    assert await post(worker, slip, slip.but(key=uuid.uuid4())) == [BY_KEY, BY_NATURAL_KEY]


async def test_a_ghost_is_skipped_once_and_then_a_duplicate_by_its_slip(
    worker: Connection, casino: uuid.UUID
) -> None:
    ghost = new_slip(casino, visit_kind=GHOST, player_id=None, policy_snapshot=None)
    reward = new_slip(casino, visit_kind=REWARD, policy_snapshot=None)

    assert await post(worker, ghost, reward, ghost) == [SKIPPED, SKIPPED, BY_NATURAL_KEY]
    assert await post(worker, ghost) == [BY_NATURAL_KEY]


async def test_a_conflict_tells_a_person_what_differs_and_names_no_player(
    worker: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    other = slip.but(average_bet=Decimal("120.50"), player_id=uuid.uuid4())
    async with scope(worker, [casino]):
        in_one_batch = (await post_rows(worker, [slip, other]))[1]["detail"]
    async with scope(worker, [casino]):
        later = (await post_rows(worker, [other]))[0]["detail"]

    assert in_one_batch == later
    assert later.startswith(
        "recorded 2100 points, these facts give 2531 (difference 431); differing: player_id, "
        "average_bet=120.5 (recorded 100); facts hashes: recorded "
    )
    assert str(slip.player_id) not in later
    assert str(other.player_id) not in later


async def test_a_key_that_belongs_to_another_slip_is_a_conflict_even_for_a_known_slip(
    worker: Connection, casino: uuid.UUID
) -> None:
    first, second = new_slip(casino), new_slip(casino)
    await post(worker, first, second)

    assert await post(worker, new_slip(casino, key=first.key)) == [refused("IDEMPOTENCY_CONFLICT")]
    assert await post(worker, second.but(key=first.key)) == [refused("IDEMPOTENCY_CONFLICT")]
    conflict = first.but(key=second.key, duration_seconds=60)
    assert await post(worker, conflict) == [refused("FACTS_CONFLICT")]


async def test_a_casino_with_accrual_disabled_refuses_what_is_new_and_knows_what_is_not(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    known = new_slip(casino)
    await post(worker, known)
    await superuser.execute(
        "INSERT INTO casino_settings (casino_id, accrual_enabled) VALUES ($1, false)", casino
    )
    ghost = new_slip(casino, visit_kind=GHOST, player_id=None)

    assert await post(worker, known, new_slip(casino), ghost) == [
        BY_KEY,
        refused("ACCRUAL_DISABLED"),
        refused("ACCRUAL_DISABLED"),
    ]


_BAD: list[tuple[str, dict[str, object]]] = [
    ("SNAPSHOT_MISSING", {"policy_snapshot": None}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": "null"}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": "{}"}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": '{"loyalty": null}'}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": '{"loyalty": {}}'}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": snapshot(points_conversion_rate=None)}),
    ("SNAPSHOT_MISSING", {"policy_snapshot": snapshot(policy_version=None, house_edge="x")}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": "[]"}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": '{"loyalty": 7}'}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(house_edge="1,5")}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(house_edge=-1.5)}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(house_edge="NaN")}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(decisions_per_hour=[70])}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(points_conversion_rate="Infinity")}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(points_conversion_rate=True)}),
    ("SNAPSHOT_INVALID", {"policy_snapshot": snapshot(policy_version=1)}),
    ("POLICY_UNKNOWN", {"policy_snapshot": snapshot(policy_version="loyalty_points_v2")}),
    ("FACTS_INVALID", {"duration_seconds": 7201}),
    ("FACTS_INVALID", {"duration_seconds": -1}),
    ("FACTS_INVALID", {"average_bet": Decimal(-1)}),
    ("FACTS_INVALID", {"average_bet": Decimal("NaN")}),
    ("FACTS_INVALID", {"duration_seconds": 7201, "visit_kind": GHOST, "player_id": None}),
    ("POINTS_OUT_OF_RANGE", {"average_bet": Decimal(10) ** 12}),
    ("IDEMPOTENCY_REQUIRED", {"key": None}),
]


async def test_a_slip_that_cannot_be_posted_is_refused_by_name_and_leaves_nothing_behind(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    slips = [(refusal, new_slip(casino, **changes)) for refusal, changes in _BAD]
    for refusal, slip in slips:
        assert await post(worker, slip) == [refused(refusal)], slip
    for table in ("rating_slip", "loyalty_ledger", "player_loyalty", "player"):
        assert await superuser.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - our own table names

    for _, slip in slips:
        corrected = new_slip(casino, rating_slip_id=slip.rating_slip_id)
        assert await post(worker, corrected) == [ACCRUED_2100]


async def test_a_balance_may_reach_the_limit_and_not_pass_it(
    worker: Connection, casino: uuid.UUID
) -> None:
    player = uuid.uuid4()
    most = new_slip(
        casino,
        player_id=player,
        average_bet=Decimal(10) ** 9,
        duration_seconds=3600,
        policy_snapshot=snapshot(house_edge=100, decisions_per_hour=1, points_conversion_rate=1000),
    )

    assert await post(worker, most, new_slip(casino, player_id=player)) == [
        Verdict("accrued", points=10**12),
        refused("POINTS_OUT_OF_RANGE"),
    ]


async def test_an_unknown_casino_is_refused_and_opens_no_ledger(
    worker: Connection, superuser: Connection
) -> None:
    assert await post(worker, new_slip(uuid.uuid4())) == [refused("CASINO_UNKNOWN")]
    assert await superuser.fetchval("SELECT count(*) FROM player_loyalty") == 0


async def test_half_a_second_more_than_the_play_is_no_contradiction(
    worker: Connection, casino: uuid.UUID
) -> None:
    slip = new_slip(casino)
    longer = slip.but(closed_at=slip.closed_at + timedelta(milliseconds=500))

    assert await post(worker, longer) == [ACCRUED_2100]


async def test_a_wrong_cache_is_moved_by_the_delta_and_never_spent(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    player = uuid.uuid4()
    await post(worker, new_slip(casino, player_id=player))
    await superuser.execute("UPDATE player_loyalty SET current_balance = 5")
    await post(worker, new_slip(casino, player_id=player))

    assert await superuser.fetchval("SELECT current_balance FROM player_loyalty") == 2105
    newest = "SELECT balance_after FROM loyalty_ledger ORDER BY entry_no DESC LIMIT 1"
    assert await superuser.fetchval(newest) == 4200


async def test_an_empty_batch_posts_nothing(worker: Connection, casino: uuid.UUID) -> None:
    async with scope(worker, [casino]):
        assert await post_rows(worker, []) == []
