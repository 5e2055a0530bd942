"""What a mistaken or malicious caller writes with the rights it has stops nobody else's work."""

import json
import uuid

import asyncpg
import pytest

from loyalty_worker.database.migration_files import read_migrations
from sqlslips import Slip, Verdict, post
from sqlstaff import (
    Desk,
    accrued_slip,
    balance_of,
    change_settings,
    player_with,
    refusal,
    slip_worth,
    whole,
)
from sqltools import as_operator, connected, drift_of

_LARGEST = 2**63 - 1
_RECORD_CLOSED = """
    INSERT INTO rating_slip (casino_id, id, player_id, visit_id, visit_kind, average_bet,
        started_at, closed_at, duration_seconds, status)
    VALUES ($1, $2, $3, $4, 'gaming_identified_rated', 1, $5::text::timestamptz,
        $6::text::timestamptz, 1, 'closed')
"""


@pytest.mark.parametrize("number", [_LARGEST, -_LARGEST - 1])
async def test_a_cached_balance_beyond_all_bounds_stops_no_posting_and_shows_as_drift(
    desk: Desk, number: int
) -> None:
    player = await player_with(desk, 100)
    await desk.rows(
        "cashier",
        "UPDATE player_loyalty SET current_balance = $2, entry_count = $2 WHERE player_id = $1",
        player,
        number,
    )
    assert await post(desk.service, slip_worth(desk.casino, 5, player)) == [
        Verdict("accrued", points=5)
    ]
    assert (await desk.redeem("cashier", player, 105))["balance_after"] == 0
    assert (await desk.credit("admin", player, 7))["balance_after"] == 7

    found = await drift_of(desk.database, str(desk.casino))
    assert {row["kind"] for row in found} == {"balance", "entry_count"}
    assert all(abs(row["drift"]) > 10**18 for row in found)
    await desk.call("admin", "rpc_reconcile_loyalty_balance($1, $2)", player, desk.casino)
    assert await balance_of(desk, player) == (7, 4)
    assert await whole(desk)


@pytest.mark.parametrize(
    ("started", "closed"),
    [
        ("2026-03-14", "infinity"),
        ("-infinity", "2026-03-14"),
        ("2026-03-14", "-infinity"),
        ("infinity", "infinity"),
        ("2026-03-14", "294270-01-01"),
    ],
)
async def test_a_slip_of_no_usable_time_is_not_recorded_and_its_event_is_posted(
    desk: Desk, started: str, closed: str
) -> None:
    slip = slip_worth(desk.casino, 5)
    with pytest.raises(asyncpg.CheckViolationError, match="rating_slip_times_usable"):
        await desk.rows(
            "pit_boss",
            _RECORD_CLOSED,
            desk.casino,
            slip.rating_slip_id,
            slip.player_id,
            slip.visit_id,
            started,
            closed,
        )
    assert await post(desk.service, slip) == [Verdict("accrued", points=5)]


@pytest.mark.parametrize("as_of", ["infinity", "-infinity", "294270-01-01"])
async def test_a_suggestion_as_of_no_usable_time_is_refused(desk: Desk, as_of: str) -> None:
    slip = slip_worth(desk.casino, 5)
    await desk.record("pit_boss", slip, "open")
    call = "evaluate_session_reward_suggestion($1, $2::text::timestamptz)"
    asked = desk.call("cashier", call, slip.rating_slip_id, as_of)
    assert await refusal(asked) == "FACTS_INVALID"


async def test_a_gateway_neither_gives_nor_takes_a_tier(desk: Desk) -> None:
    player = await player_with(desk, 100)
    set_tier = "UPDATE player_loyalty SET tier = 'gold' WHERE player_id = $1"
    await desk.superuser.execute(set_tier, player)
    async with desk.acting("admin") as gateway:
        await gateway.execute(
            "UPDATE player_loyalty SET current_balance = 0, entry_count = 0 WHERE player_id = $1",
            player,
        )
        removed = "DELETE FROM player_loyalty WHERE player_id = $1"
        assert await gateway.execute(removed, player) == "DELETE 0"
    insert = "INSERT INTO player_loyalty (casino_id, player_id, tier) VALUES ($1, $2, 'platinum')"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.rows("admin", insert, desk.casino, uuid.uuid4())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_id", "gen_random_uuid()"),
        ("created_at", "now() - interval '1 year'"),
        ("id", "1000000"),
    ],
)
async def test_an_operator_audits_neither_in_a_persons_name_nor_at_another_time(
    desk: Desk, column: str, value: str
) -> None:
    async with as_operator(desk.database, str(desk.casino)) as operator:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with operator.transaction():
                await operator.execute(
                    f"INSERT INTO audit_log (casino_id, domain, action, {column})"  # noqa: S608 - ours
                    f" OVERRIDING SYSTEM VALUE VALUES ($1, 'ledger', 'reconcile', {value})",
                    desk.casino,
                )
        await operator.execute(
            "INSERT INTO audit_log (casino_id, domain, action) VALUES ($1, 'casino', 'set')",
            desk.casino,
        )


@pytest.mark.parametrize(
    "note", ["\u00a0", "\u2003 \u3000", "\u200b", "\ufeff\t", "\u2060", "\u2800", "\x1f", "\u00ad"]
)
async def test_a_note_that_nobody_can_see_is_none(desk: Desk, note: str) -> None:
    player = await player_with(desk, 100)
    assert await refusal(desk.credit("admin", player, 1, note=note)) == "NOTE_REQUIRED"
    # as the functions would post it, but for the note
    bare = (
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, staff_id, note, idempotency_key, payload_hash)"
        " VALUES ($1, $2, 2, 1, 101, 'manual_reward', $3, $4, gen_random_uuid(), sha256(''))"
    )
    inserted = desk.rows("admin", bare, desk.casino, player, desk.staff["admin"], note)
    assert await refusal(inserted) == "NOTE_REQUIRED"


@pytest.mark.parametrize("note", ["é", "酒", "\u200b!", "🎲", "-"])
async def test_a_note_in_any_script_is_a_note(desk: Desk, note: str) -> None:
    player = await player_with(desk, 100)
    assert (await desk.credit("admin", player, 1, note=note))["balance_after"] == 101


async def _insert_on_slip(
    desk: Desk, slip: Slip, reason: str, points: int, **columns: object
) -> None:
    """Insert the second entry of the slip's player, bare, on top of 100 points."""
    names = ", ".join(columns)
    places = ", ".join(f"${number}" for number in range(6, 6 + len(columns)))
    await desk.rows(
        "admin",
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"  # noqa: S608 - ours
        f" reason, staff_id, note, idempotency_key, {names})"
        f" VALUES ($1, $2, 2, $3::bigint, 100 + $3::bigint, $4, $5, 'x', gen_random_uuid(),"
        f" {places})",
        desk.casino,
        slip.player_id,
        points,
        reason,
        desk.staff["admin"],
        *columns.values(),
    )


async def test_a_bare_entry_about_another_entry_bears_its_slip_and_its_visit(desk: Desk) -> None:
    slip = await accrued_slip(desk, 100)
    base = await desk.superuser.fetchval(
        "SELECT id FROM loyalty_ledger WHERE rating_slip_id = $1", slip.rating_slip_id
    )
    terms = await desk.superuser.fetchval(
        "SELECT promotion_hash($1, $2, 'spring', NULL, 50)", desk.casino, slip.rating_slip_id
    )
    reversal = {"reversed_ledger_id": base, "payload_hash": bytes(32)}
    promotion = {
        "campaign_id": "spring",
        "payload_hash": terms,
        "metadata": '{"calc": {"bonus": 50}}',
        "source_kind": "rating_slip",
        "source_id": slip.rating_slip_id,
        "rating_slip_id": slip.rating_slip_id,
    }
    for wrong in (uuid.uuid4(), None):
        for place in ({"rating_slip_id": wrong, "visit_id": slip.visit_id}, {"visit_id": wrong}):
            columns = reversal | {"rating_slip_id": slip.rating_slip_id} | place
            with pytest.raises(asyncpg.CheckViolationError, match="exact opposite"):
                await _insert_on_slip(desk, slip, "reversal", -100, **columns)
        with pytest.raises(asyncpg.CheckViolationError, match="base accrual"):
            await _insert_on_slip(desk, slip, "promotion", 50, **promotion, visit_id=wrong)
    await _insert_on_slip(desk, slip, "promotion", 50, **promotion, visit_id=slip.visit_id)


async def test_a_reversal_of_an_entry_without_a_slip_cannot_bear_one(desk: Desk) -> None:
    player = await player_with(desk)
    credit = (await desk.credit("admin", player, 5))["ledger_id"]
    query = (
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, staff_id, note, idempotency_key, payload_hash, reversed_ledger_id,"
        " rating_slip_id) VALUES ($1, $2, 3, -5, 0, 'reversal', $3, 'x', gen_random_uuid(),"
        " sha256(''), $4, gen_random_uuid())"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="exact opposite"):
        await desk.rows("admin", query, desk.casino, player, desk.staff["admin"], credit)


@pytest.mark.parametrize("claims", ['{"exp": 1e9999999}', "[" * 100_000])
async def test_claims_that_postgresql_cannot_read_are_no_claims(desk: Desk, claims: str) -> None:
    async with connected(desk.database.token_gateway) as gateway, gateway.transaction():
        await gateway.execute("SET LOCAL ROLE loyalty_postgrest")
        await gateway.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
        assert await gateway.fetchval("SELECT actor_id FROM staff_context()") is None


async def test_the_owner_gains_nothing_by_claims(desk: Desk) -> None:
    claims = {
        "sub": str(desk.staff["admin"]),
        "app_metadata": {"casino_id": str(desk.casino), "staff_role": "admin"},
    }
    await player_with(desk, 10)
    async with connected(desk.database.owner) as owner, owner.transaction():
        await owner.execute("SELECT set_config('request.jwt.claims', $1, true)", json.dumps(claims))
        assert await owner.fetchval("SELECT actor_id FROM staff_context()") is None
        assert await owner.fetch("SELECT * FROM loyalty_ledger") == []
        assert await owner.execute("UPDATE player_loyalty SET current_balance = 0") == "UPDATE 0"


async def test_no_cap_is_dodged_within_one_statement(desk: Desk) -> None:
    await change_settings(desk, max_overdraw_points_per_redeem=50)
    player = await player_with(desk, 10)
    one = (
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, staff_id, note, metadata, idempotency_key, payload_hash) VALUES ($1, $2, {},"
        " -40, {}, 'redeem', $3, 'x', $4, gen_random_uuid(), sha256(''))"
    )
    split = f"WITH first AS ({one.format(2, -30)}) {one.format(3, -70)}"
    approved = json.dumps({"overdraw": {"approved_by": str(desk.staff["admin"])}})
    asked = desk.rows("admin", split, desk.casino, player, desk.staff["admin"], approved)
    assert await refusal(asked) == "OVERDRAW_EXCEEDS_CAP"


async def test_a_campaign_whose_id_no_index_can_hold_is_refused_as_unusable(desk: Desk) -> None:
    slip = await accrued_slip(desk)
    # does not compress
    long = "".join(str(uuid.uuid4()) for _ in range(300))
    asked = desk.promote("admin", slip.rating_slip_id, bonus=5, campaign=long)
    assert await refusal(asked) == "PROMOTION_INVALID"
    fits = desk.promote("admin", slip.rating_slip_id, bonus=5, campaign=long[:1000])
    assert (await fits)["promo_points_delta"] == 5


def test_no_version_builds_an_index_while_a_trigger_waits_for_its_function() -> None:
    versions = read_migrations().versions
    waiting = [version for version in versions if "has not been applied" in version.sql]
    building = [version for version in versions if not version.in_transaction]
    assert waiting
    assert building
    assert waiting[-1].version > building[-1].version
