"""What the functions refuse is refused to a bare INSERT too, whoever makes it."""

import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from sqlslips import GHOST, Connection, Slip, scope
from sqlstaff import (
    ROLES,
    Desk,
    accrued_slip,
    change_settings,
    player_with,
    record_slip,
    slip_worth,
    whole,
)
from sqltools import as_operator

_REASONS = ("base_accrual", "promotion", "redeem", "manual_reward", "adjustment", "reversal")
_BASE = "SELECT * FROM loyalty_ledger WHERE rating_slip_id = $1 AND reason = 'base_accrual'"
_COLUMNS = {
    "casino_id": "uuid",
    "player_id": "uuid",
    "entry_no": "bigint",
    "points_delta": "bigint",
    "balance_after": "bigint",
    "reason": "loyalty_reason",
    "rating_slip_id": "uuid",
    "visit_id": "uuid",
    "staff_id": "uuid",
    "campaign_id": "text",
    "reversed_ledger_id": "uuid",
    "source_kind": "text",
    "source_id": "uuid",
    "payload_hash": "bytea",
    "note": "text",
    "metadata": "jsonb",
    "gaming_day": "date",
    "occurred_at": "timestamptz",
}
# now() where a test gives no time: a value of its own cannot be known beforehand
_INSERT = (
    f"INSERT INTO loyalty_ledger (idempotency_key, {', '.join(_COLUMNS)})"  # noqa: S608 - ours
    " VALUES (gen_random_uuid(), "
    + ", ".join(
        f"coalesce(${number}::timestamptz, now())" if column == "occurred_at" else f"${number}"
        for number, column in enumerate(_COLUMNS, start=1)
    )
    + ")"
)


class _Entry(dict[str, Any]):
    """The columns of an entry to insert, as the functions would have written them."""

    def but(self, **changes: object) -> "_Entry":
        return _Entry(self | changes)

    async def insert(self, connection: Connection) -> None:
        await connection.execute(_INSERT, *(self[column] for column in _COLUMNS))


def _entry(desk: Desk, role: str, player: uuid.UUID | None, **columns: object) -> _Entry:
    return _Entry(
        dict.fromkeys(_COLUMNS)
        | {
            "casino_id": desk.casino,
            "player_id": player,
            "staff_id": desk.staff.get(role),
            "entry_no": 2,
            "note": "by hand",
            "payload_hash": bytes(32),
            "metadata": "{}",
        }
        | columns
    )


async def _redemption(desk: Desk, role: str, player: uuid.UUID, points: int = 10) -> _Entry:
    return _entry(
        desk, role, player, reason="redeem", points_delta=-points, balance_after=100 - points
    )


async def _of_each_reason(desk: Desk, role: str) -> Mapping[str, _Entry]:
    """Return an entry of each reason that is right in everything but, perhaps, the role."""
    player = await player_with(desk, 100)
    first = await desk.superuser.fetchrow(
        "SELECT * FROM loyalty_ledger WHERE player_id = $1", player
    )
    assert first is not None
    fresh = slip_worth(desk.casino, 30, player)
    await record_slip(desk.superuser, fresh)
    return {
        "base_accrual": await _accrual(desk, role, fresh),
        "promotion": await _promotion(desk, role, first),
        "redeem": await _redemption(desk, role, player),
        "manual_reward": _entry(
            desk, role, player, reason="manual_reward", points_delta=5, balance_after=105
        ),
        "adjustment": _entry(
            desk, role, player, reason="adjustment", points_delta=-5, balance_after=95
        ),
        "reversal": _entry(
            desk,
            role,
            player,
            reason="reversal",
            points_delta=-100,
            balance_after=0,
            reversed_ledger_id=first["id"],
            rating_slip_id=first["rating_slip_id"],
            visit_id=first["visit_id"],
        ),
    }


async def _accrual(desk: Desk, role: str, slip: Slip) -> _Entry:
    facts_hash = await desk.superuser.fetchval(
        "SELECT loyalty_facts_hash(casino_id, id, visit_id, player_id, visit_kind, average_bet,"
        " duration_seconds, closed_at, policy_snapshot) FROM rating_slip WHERE id = $1",
        slip.rating_slip_id,
    )
    return _entry(
        desk,
        role,
        slip.player_id,
        reason="base_accrual",
        points_delta=30,
        balance_after=130,
        rating_slip_id=slip.rating_slip_id,
        source_kind="rating_slip",
        source_id=slip.rating_slip_id,
        visit_id=slip.visit_id,
        payload_hash=facts_hash or bytes(32),
        gaming_day=await desk.superuser.fetchval(
            "SELECT loyalty_gaming_day($1, 'UTC', '06:00')", slip.closed_at
        ),
        occurred_at=slip.closed_at,
    )


async def _promotion(desk: Desk, role: str, base: asyncpg.Record) -> _Entry:
    promotion_hash = await desk.superuser.fetchval(
        "SELECT promotion_hash($1, $2, 'spring', 1.5, NULL)", desk.casino, base["rating_slip_id"]
    )
    return _entry(
        desk,
        role,
        base["player_id"],
        reason="promotion",
        points_delta=50,
        balance_after=150,
        rating_slip_id=base["rating_slip_id"],
        visit_id=base["visit_id"],
        source_kind="rating_slip",
        source_id=base["rating_slip_id"],
        campaign_id="spring",
        payload_hash=promotion_hash,
        metadata=json.dumps({"calc": {"multiplier": 1.5}}),
    )


_MAY = {
    "dealer": set[str](),
    "cashier": {"redeem"},
    "pit_boss": {"base_accrual", "promotion", "redeem", "manual_reward"},
    "admin": set(_REASONS),
}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_inserts_the_reasons_that_it_may_post_and_no_others(
    desk: Desk, role: str
) -> None:
    for reason, entry in (await _of_each_reason(desk, role)).items():
        async with desk.acting(role) as gateway:
            transaction = gateway.transaction()
            await transaction.start()
            try:
                if reason in _MAY[role]:
                    await entry.insert(gateway)
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
                        await entry.insert(gateway)
            finally:
                await transaction.rollback()


async def test_no_session_without_a_context_inserts_anything(desk: Desk) -> None:
    for entry in (await _of_each_reason(desk, "admin")).values():
        for connection in (desk.gateway, desk.service):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await entry.insert(connection)


async def test_the_operator_inserts_no_entry_and_the_worker_no_persons(desk: Desk) -> None:
    for reason, entry in (await _of_each_reason(desk, "admin")).items():
        async with as_operator(desk.database, str(desk.casino)) as operator:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with operator.transaction():
                    await entry.insert(operator)
        if reason not in {"base_accrual", "promotion"}:
            async with scope(desk.service, [desk.casino]):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
                    async with desk.service.transaction():
                        await entry.insert(desk.service)


async def _refused(desk: Desk, entry: _Entry, role: str = "admin") -> str:
    """Insert as this role; return the refusal's name, or the rule that was broken."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        async with desk.acting(role) as gateway:
            await entry.insert(gateway)
    error = refused.value
    if (error.sqlstate or "").startswith("LY"):
        return str(error).split(":", maxsplit=1)[0].removeprefix("LOYALTY_")
    name = getattr(error, "constraint_name", None)
    return str(name or ("row-level" if "row-level" in str(error) else error))


async def test_another_persons_name_or_none_is_refused(desk: Desk) -> None:
    for entry in (await _of_each_reason(desk, "admin")).values():
        for other in (desk.staff["pit_boss"], uuid.uuid4(), None):
            assert await _refused(desk, entry.but(staff_id=other)) == "row-level"


async def test_another_casino_is_refused(desk: Desk, neighbour: Desk) -> None:
    for entry in (await _of_each_reason(desk, "admin")).values():
        assert await _refused(desk, entry.but(casino_id=neighbour.casino)) == "row-level"


async def test_an_entry_that_does_not_continue_the_chain_is_refused(desk: Desk) -> None:
    for entry in (await _of_each_reason(desk, "admin")).values():
        for change in ({"entry_no": 3}, {"balance_after": 10**6}):
            assert await _refused(desk, entry.but(**change)) == "loyalty_ledger_continues_chain"


async def test_a_redemption_beyond_funds_or_caps_is_refused(desk: Desk) -> None:
    player = await player_with(desk, 100)
    beyond = await _redemption(desk, "admin", player, 101)
    assert await _refused(desk, beyond) == "INSUFFICIENT_BALANCE"

    approved = json.dumps({"overdraw": {"approved_by": str(desk.staff["admin"])}})
    too_deep = (await _redemption(desk, "admin", player, 5101)).but(metadata=approved)
    assert await _refused(desk, too_deep) == "OVERDRAW_EXCEEDS_CAP"
    too_much = await _redemption(desk, "admin", player, 20_001)
    assert await _refused(desk, too_much.but(metadata=approved)) == "REDEEM_EXCEEDS_CAP"

    by_cashier = await _redemption(desk, "cashier", player, 101)
    by_cashier["metadata"] = json.dumps({"overdraw": {"approved_by": str(desk.staff["cashier"])}})
    assert await _refused(desk, by_cashier, "cashier") == "OVERDRAW_NOT_AUTHORIZED"
    by_cashier["metadata"] = approved
    assert await _refused(desk, by_cashier, "cashier") == "OVERDRAW_NOT_AUTHORIZED"
    for named in ("{}", f'{{"approved_by": "{desk.staff["pit_boss"]}"}}'):
        unnamed = beyond.but(metadata=f'{{"overdraw": {named}}}')
        assert await _refused(desk, unnamed) == "loyalty_ledger_keeps_rules"


async def test_redemptions_that_only_together_exceed_the_funds_are_refused(desk: Desk) -> None:
    player = await player_with(desk, 100)
    query = (
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, staff_id, note, idempotency_key, payload_hash)"
        " SELECT $1, $2, n + 1, -60, 100 - 60 * n, 'redeem', $3, 'x', gen_random_uuid(), sha256('')"
        " FROM generate_series(1, 2) AS n"
    )
    with pytest.raises(asyncpg.PostgresError, match="LOYALTY_INSUFFICIENT_BALANCE"):
        await desk.rows("admin", query, desk.casino, player, desk.staff["admin"])


async def test_a_reversal_that_is_not_the_exact_opposite_is_refused(desk: Desk) -> None:
    entry = (await _of_each_reason(desk, "admin"))["reversal"]
    stranger = await player_with(desk, 100)
    rule = "loyalty_ledger_keeps_rules"
    assert await _refused(desk, entry.but(points_delta=-99, balance_after=1)) == rule
    assert await _refused(desk, entry.but(points_delta=100, balance_after=200)) == rule
    assert await _refused(desk, entry.but(player_id=stranger)) == rule
    assert await _refused(desk, entry.but(rating_slip_id=uuid.uuid4())) == rule
    unknown = entry.but(reversed_ledger_id=uuid.uuid4())
    assert await _refused(desk, unknown) == "loyalty_ledger_reversed_entry_exists"


async def test_a_reversal_of_a_reversal_and_a_second_one_are_refused(desk: Desk) -> None:
    player = await player_with(desk, 100)
    credit = (await desk.credit("admin", player, 5))["ledger_id"]
    reversal = (await desk.reverse("admin", credit))["ledger_id"]
    second = _entry(
        desk,
        "admin",
        player,
        entry_no=4,
        reason="reversal",
        points_delta=-5,
        balance_after=95,
        reversed_ledger_id=credit,
    )
    assert await _refused(desk, second) == "loyalty_ledger_reversal_once"
    of_reversal = second.but(points_delta=5, balance_after=105, reversed_ledger_id=reversal)
    assert await _refused(desk, of_reversal) == "NOT_REVERSIBLE"


async def test_a_promotion_without_a_standing_base_of_that_player_is_refused_to_everybody(
    desk: Desk,
) -> None:
    slip = await accrued_slip(desk, 100)
    base = await desk.superuser.fetchrow(_BASE, slip.rating_slip_id)
    assert base is not None
    stranger = await player_with(desk, 100)
    entry = await _promotion(desk, "admin", base)
    assert await _refused(desk, entry.but(player_id=stranger)) == "BASE_NOT_ACCRUED"
    await desk.reverse("admin", base["id"])
    late = entry.but(entry_no=3, balance_after=50)
    assert await _refused(desk, late) == "BASE_REVERSED"
    async with scope(desk.service, [desk.casino]):
        with pytest.raises(asyncpg.PostgresError, match="LOYALTY_BASE_REVERSED"):
            await late.but(staff_id=None).insert(desk.service)


async def test_a_promotion_of_other_points_than_its_terms_give_is_refused_but_to_the_worker(
    desk: Desk,
) -> None:
    entry = (await _of_each_reason(desk, "pit_boss"))["promotion"]
    rule = "loyalty_ledger_keeps_rules"
    more = entry.but(points_delta=51, balance_after=151)
    assert await _refused(desk, more, "pit_boss") == rule
    assert await _refused(desk, entry.but(payload_hash=bytes(32)), "pit_boss") == rule
    for calc in (
        {},
        {"multiplier": 1.5, "bonus": 50},
        {"multiplier": 0.5},
        {"multiplier": "1.5"},
        {"bonus": 0},
        {"bonus": 50.5},
        {"bonus": 10**30},
    ):
        terms = entry.but(metadata=json.dumps({"calc": calc}))
        assert await _refused(desk, terms, "pit_boss") == "PROMOTION_INVALID", calc
    async with scope(desk.service, [desk.casino]):
        await more.but(staff_id=None).insert(desk.service)


async def test_an_accrual_that_differs_from_slip_and_formula_is_refused_but_to_the_worker(
    desk: Desk,
) -> None:
    entry = (await _of_each_reason(desk, "pit_boss"))["base_accrual"]
    rule = "loyalty_ledger_keeps_rules"
    more = entry.but(points_delta=31, balance_after=131)
    for wrong in (
        more,
        entry.but(visit_id=uuid.uuid4()),
        entry.but(payload_hash=bytes(32)),
        entry.but(occurred_at=None),
        entry.but(gaming_day=None),
    ):
        assert await _refused(desk, wrong, "pit_boss") == rule
    stranger = await player_with(desk, 100)
    assert await _refused(desk, entry.but(player_id=stranger), "pit_boss") == rule
    async with scope(desk.service, [desk.casino]):
        await more.but(staff_id=None).insert(desk.service)


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({}, None, "SLIP_NOT_FOUND"),
        ({}, "open", "SLIP_NOT_CLOSED"),
        ({"visit_kind": GHOST}, "closed", "UNRATED_VISIT"),
        ({"policy_snapshot": None}, "closed", "SNAPSHOT_MISSING"),
        ({"average_bet": Decimal(-1)}, "closed", "FACTS_INVALID"),
    ],
)
async def test_an_accrual_of_a_slip_that_the_function_refuses_is_refused(
    desk: Desk, changes: dict[str, object], status: str | None, name: str
) -> None:
    player = await player_with(desk, 100)
    slip = slip_worth(desk.casino, 30, player).but(**changes)
    if status is not None:
        await record_slip(desk.superuser, slip, status)
    assert await _refused(desk, await _accrual(desk, "pit_boss", slip), "pit_boss") == name


async def test_a_casino_that_accrues_nothing_takes_no_accrual_or_promotion_of_staff(
    desk: Desk,
) -> None:
    entries = await _of_each_reason(desk, "pit_boss")
    await change_settings(desk, accrual_enabled=False)
    for reason in ("base_accrual", "promotion"):
        assert await _refused(desk, entries[reason], "pit_boss") == "ACCRUAL_DISABLED"


async def test_a_blank_note_an_adjustment_by_nothing_and_another_time_are_refused(
    desk: Desk,
) -> None:
    entries = await _of_each_reason(desk, "admin")
    nothing = entries["adjustment"].but(points_delta=0, balance_after=100)
    assert await _refused(desk, nothing) == "POINTS_INVALID"
    for reason in ("redeem", "manual_reward", "adjustment", "reversal"):
        assert await _refused(desk, entries[reason].but(note="\n\t")) == "NOTE_REQUIRED"
        backdated = entries[reason].but(occurred_at=slip_worth(desk.casino, 1).closed_at)
        assert await _refused(desk, backdated) == "loyalty_ledger_keeps_rules"
    dated = "INSERT INTO loyalty_ledger (created_at) VALUES (now())"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.rows("admin", dated)


async def test_an_entry_of_a_player_whom_nobody_knows_is_refused(desk: Desk) -> None:
    first = _entry(
        desk,
        "admin",
        uuid.uuid4(),
        entry_no=1,
        reason="manual_reward",
        points_delta=5,
        balance_after=5,
    )
    assert await _refused(desk, first) == "PLAYER_NOT_FOUND"


async def test_a_used_key_is_refused_also_to_who_would_overwrite_the_entry(desk: Desk) -> None:
    player, key = await player_with(desk, 100), uuid.uuid4()
    await desk.credit("admin", player, 5, key=key)
    query = (
        "INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after,"
        " reason, staff_id, note, idempotency_key, payload_hash)"
        " VALUES ($1, $2, 3, 9, 114, 'manual_reward', $3, 'x', $4, sha256(''))"
    )
    arguments = (desk.casino, player, desk.staff["admin"], key)
    with pytest.raises(asyncpg.UniqueViolationError):
        await desk.rows("admin", query, *arguments)
    conflict = (
        " ON CONFLICT (casino_id, idempotency_key) WHERE idempotency_key IS NOT NULL"
        " DO UPDATE SET points_delta = 9"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.superuser.execute(query + conflict, *arguments)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.rows("admin", query + conflict, *arguments)
    assert await whole(desk)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE loyalty_ledger SET note = 'x'",
        "DELETE FROM loyalty_ledger",
        "TRUNCATE loyalty_ledger",
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "DELETE FROM player",
        "DELETE FROM rating_slip",
        "DELETE FROM staff",
        "UPDATE staff SET role = 'admin'",
        "INSERT INTO staff (casino_id, id, role) VALUES ($1, $1, 'admin')",
        "UPDATE casino_settings SET max_redeem_points_per_txn = NULL",
        "INSERT INTO casino_settings (casino_id) VALUES ($1)",
        "SELECT * FROM player",
        "SELECT * FROM audit_log",
        "SELECT * FROM dead_letter",
        "SELECT * FROM consumer_progress",
        "UPDATE player_loyalty SET tier = 'gold'",
    ],
)
async def test_an_administrator_changes_and_reads_nothing_else(desk: Desk, change: str) -> None:
    await player_with(desk, 100)
    arguments = [desk.casino] if "$1" in change else []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.rows("admin", change, *arguments)


async def test_an_audit_row_in_another_name_or_of_another_role_is_refused(desk: Desk) -> None:
    query = (
        "INSERT INTO audit_log (casino_id, domain, action, actor_id)"
        " VALUES ($1, 'ledger', 'reconcile', $2)"
    )
    await desk.rows("admin", query, desk.casino, desk.staff["admin"])
    for role, casino, actor in (
        ("admin", desk.casino, desk.staff["pit_boss"]),
        ("admin", desk.casino, None),
        ("admin", None, desk.staff["admin"]),
        ("pit_boss", desk.casino, desk.staff["pit_boss"]),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            await desk.rows(role, query, casino, actor)


async def test_an_operator_moves_a_balance_to_what_the_entries_say_and_nowhere_else(
    desk: Desk,
) -> None:
    player = await player_with(desk, 100)
    update = "UPDATE player_loyalty SET current_balance = $2 WHERE player_id = $1"
    async with as_operator(desk.database, str(desk.casino)) as operator:
        assert await operator.execute(update, player, 100) == "UPDATE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level"):
            await operator.execute(update, player, 101)
