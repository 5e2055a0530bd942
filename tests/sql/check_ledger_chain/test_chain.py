"""An entry that does not continue its player's chain is refused, whoever writes it."""

import uuid

import asyncpg
import pytest

from sqlslips import Connection, new_slip, post, scope

_INSERT = """
    INSERT INTO loyalty_ledger (
        casino_id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        source_kind, source_id, idempotency_key, payload_hash
    )
    SELECT $1, $2, e.entry_no, e.points, e.balance, 'base_accrual', e.slip, 'rating_slip', e.slip,
        gen_random_uuid(), sha256('')
    FROM (
        SELECT x.*, gen_random_uuid() AS slip
        FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS x (entry_no, points, balance)
    ) AS e
"""
_Entry = tuple[int, int, int]  # entry_no, points_delta, balance_after


async def _insert(
    connection: Connection, casino: uuid.UUID, player: uuid.UUID, *entries: _Entry
) -> None:
    async with scope(connection, [casino]):
        await connection.execute(
            _INSERT, casino, player, *(list(column) for column in zip(*entries, strict=True))
        )


@pytest.mark.parametrize(
    "entries",
    [
        [(2, 10, 2111)],  # the balance is not the one before plus the points
        [(2, 10, 10)],  # as if there had been nothing before
        [(3, 10, 2110)],  # a gap
        [(1, 10, 10)],  # before what is there
        [(2, 10, 2110), (4, 10, 2120)],  # a gap inside the statement
        [(2, 10, 2110), (3, 10, 2119)],  # a broken balance inside the statement
        [(3, 10, 2120), (2, 10, 2111)],  # the same in another order
    ],
)
async def test_entries_by_hand_that_break_the_chain_are_refused(
    worker: Connection, superuser: Connection, casino: uuid.UUID, entries: list[_Entry]
) -> None:
    player = uuid.uuid4()
    await post(worker, new_slip(casino, player_id=player))

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.UniqueViolationError)) as refusal:
        await _insert(worker, casino, player, *entries)
    if isinstance(refusal.value, asyncpg.CheckViolationError):
        assert refusal.value.constraint_name == "loyalty_ledger_continues_chain"
        assert str(player) not in f"{refusal.value} {refusal.value.detail}"
    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 1


@pytest.mark.parametrize("entries", [[(2, 10, 10)], [(1, 10, 11)], [(1, 0, 5)]])
async def test_a_first_entry_begins_at_one_and_at_its_own_points(
    worker: Connection, casino: uuid.UUID, entries: list[_Entry]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="does not continue"):
        await _insert(worker, casino, uuid.uuid4(), *entries)


async def test_entries_that_continue_the_chain_pass_in_any_order_of_the_statement(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    player = uuid.uuid4()
    await _insert(worker, casino, player, (2, 5, 12), (1, 7, 7), (3, 0, 12))
    await _insert(worker, casino, player, (4, 1, 13))

    assert await superuser.fetchval("SELECT count(*) FROM loyalty_ledger") == 4


async def test_the_chain_is_checked_for_the_superuser_and_where_triggers_are_off(
    superuser: Connection, casino: uuid.UUID
) -> None:
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(asyncpg.CheckViolationError, match="does not continue"):
            await superuser.execute(_INSERT, casino, uuid.uuid4(), [2], [1], [1])


_REFUSED_BY_CHECK = [
    ("points_delta", "-1", "loyalty_ledger_sign_fits_reason"),
    ("points_delta", "1000000000001", "loyalty_ledger_points_delta_in_range"),
    ("source_kind", "NULL", "loyalty_ledger_slip_is_source"),
    ("source_id", "NULL", "loyalty_ledger_slip_is_source"),
    ("source_id", "gen_random_uuid()", "loyalty_ledger_slip_is_source"),
    ("rating_slip_id", "NULL", "loyalty_ledger_slip_is_source"),
    ("payload_hash", "'\\x00'", "loyalty_ledger_payload_hash_is_sha256"),
    ("entry_no", "0", "loyalty_ledger_entry_no_positive"),
    ("reason", "'promotion'", "loyalty_ledger_promotion_names_campaign"),
    ("reason", "'redeem'", "loyalty_ledger_(sign_fits_reason|person_explains)"),
    ("reason", "'adjustment'", "loyalty_ledger_person_explains"),
    ("reason", "'manual_reward'", "loyalty_ledger_person_explains"),
    ("reason", "'reversal'", "loyalty_ledger_(reversal_names_entry|person_explains)"),
    ("idempotency_key", "NULL", "idempotency_key"),
]


async def test_an_entry_that_its_reason_does_not_allow_is_refused_by_a_check(
    superuser: Connection, casino: uuid.UUID
) -> None:
    for column, value, constraint in _REFUSED_BY_CHECK:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
            await superuser.execute(_single_insert({column: value}), casino)


def _single_insert(changes: dict[str, str]) -> str:
    values = {
        "casino_id": "$1",
        "player_id": "gen_random_uuid()",
        "entry_no": "1",
        "points_delta": "1",
        "balance_after": "1",
        "reason": "'base_accrual'",
        "rating_slip_id": "$1",
        "source_kind": "'rating_slip'",
        "source_id": "$1",
        "idempotency_key": "gen_random_uuid()",
        "payload_hash": "sha256('')",
    } | changes
    columns, expressions = ", ".join(values), ", ".join(values.values())
    return f"INSERT INTO loyalty_ledger ({columns}) VALUES ({expressions})"  # noqa: S608 - ours
