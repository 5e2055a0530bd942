"""Who acts is verified when it is said and in every statement, and ends with the transaction."""

import uuid

import asyncpg
import pytest

from sqlslips import Connection
from sqlstaff import ROLES, Desk, player_with, record_slip, refusal, slip_worth
from sqltools import connected

_SET = "SELECT set_rls_context($1, $2, $3, 'test')"
_TABLES = ["casino", "casino_settings", "staff", "rating_slip", "loyalty_ledger", "player_loyalty"]
_ADJUST = "SELECT * FROM rpc_adjust_points($1, $2, 1, $3, 'note', gen_random_uuid())"


@pytest.mark.parametrize("role", ROLES)
async def test_an_active_member_of_staff_is_accepted_in_the_own_role(desk: Desk, role: str) -> None:
    async with desk.acting(role) as gateway:
        context = await gateway.fetchrow("SELECT * FROM staff_context()")
    assert context is not None
    assert tuple(context) == (desk.casino, desk.staff[role], role)


async def test_whoever_is_not_active_there_in_that_role_is_refused(
    desk: Desk, neighbour: Desk
) -> None:
    admin, cashier = desk.staff["admin"], desk.staff["cashier"]
    await desk.superuser.execute("UPDATE staff SET status = 'inactive' WHERE id = $1", cashier)
    claims: list[tuple[object, object, object]] = [
        (cashier, desk.casino, "cashier"),  # suspended
        (admin, desk.casino, "pit_boss"),  # another role
        (admin, neighbour.casino, "admin"),  # another casino
        (neighbour.staff["admin"], desk.casino, "admin"),
        (uuid.uuid4(), desk.casino, "admin"),
        (None, desk.casino, "admin"),
        (admin, None, "admin"),
        (admin, desk.casino, None),
        (admin, desk.casino, ""),
        (admin, desk.casino, "ADMIN"),
    ]
    for claim in claims:
        async with desk.gateway.transaction():
            assert await refusal(_in_savepoint(desk.gateway, _SET, *claim)) == "STAFF_UNKNOWN"
            # what was refused is not in force either
            assert await desk.gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 0
            assert await desk.gateway.fetchval("SELECT casino_id FROM staff_context()") is None


async def _in_savepoint(connection: Connection, query: str, *arguments: object) -> None:
    async with connection.transaction():
        await connection.execute(query, *arguments)


async def test_only_the_gateway_of_the_staff_sets_a_context(desk: Desk) -> None:
    for login in ("worker", "operator", "readonly", "owner", "token_gateway"):
        async with connected(getattr(desk.database, login)) as connection:
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute(_SET, desk.staff["admin"], desk.casino, "admin")
        # the owner may call what it owns
        assert refused.value.sqlstate == ("LY030" if login == "owner" else "42501")


async def test_without_a_context_a_gateway_sees_and_does_nothing(desk: Desk) -> None:
    player = await player_with(desk, 10)
    for table in _TABLES:
        assert await desk.gateway.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - ours
    request = desk.gateway.fetch(_ADJUST, desk.casino, player, desk.staff["admin"])
    assert await refusal(request) == "UNAUTHORIZED"


async def test_a_context_ends_with_its_transaction_on_a_pooled_connection(desk: Desk) -> None:
    player = await player_with(desk, 10)
    async with desk.acting("admin") as gateway:
        assert await gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 1

    # the settings now read as empty texts
    assert await desk.gateway.fetchval("SELECT current_setting('app.actor_id', true)") == ""
    for table in _TABLES:
        assert await desk.gateway.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - ours
    request = desk.gateway.fetch(_ADJUST, desk.casino, player, desk.staff["admin"])
    assert await refusal(request) == "UNAUTHORIZED"


async def test_a_context_lost_to_a_rollback_is_lost(desk: Desk) -> None:
    async with desk.acting("cashier") as gateway:
        savepoint = gateway.transaction()
        await savepoint.start()
        await gateway.execute(_SET, desk.staff["admin"], desk.casino, "admin")
        await savepoint.rollback()
        assert await gateway.fetchval("SELECT staff_role FROM staff_context()") == "cashier"


@pytest.mark.parametrize(
    ("actor", "casino", "role"),
    [
        ("cashier", "own", "admin"),  # a better role
        ("nobody", "own", "admin"),
        ("admin", "neighbour", "admin"),
        ("admin", "own", ""),
        ("", "own", "admin"),
        ("admin", "", "admin"),
        ("no uuid", "own", "admin"),
        ("admin", "{}", "admin"),
    ],
)
async def test_settings_written_by_hand_gain_nothing_that_staff_does_not_confirm(
    desk: Desk, neighbour: Desk, actor: str, casino: str, role: str
) -> None:
    player = await player_with(desk, 10)
    await player_with(neighbour, 10)
    settings = {
        "app.actor_id": str(desk.staff.get(actor, uuid.uuid4() if actor == "nobody" else actor)),
        "app.casino_id": str(
            {"own": desk.casino, "neighbour": neighbour.casino}.get(casino, casino)
        ),
        "app.staff_role": role,
        # and what would count for a service
        "app.casino_ids": f"{{{desk.casino},{neighbour.casino}}}",
    }
    async with desk.gateway.transaction():
        for name, value in settings.items():
            await desk.gateway.execute("SELECT set_config($1, $2, true)", name, value)
        for table in ("loyalty_ledger", "player_loyalty", "rating_slip", "casino"):
            assert await desk.gateway.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - ours
        request = desk.gateway.fetch(_ADJUST, desk.casino, player, desk.staff["admin"])
        assert await refusal(request) in {"UNAUTHORIZED", "STAFF_UNKNOWN"}


@pytest.mark.parametrize("login", ["worker", "operator", "readonly", "owner"])
async def test_settings_of_a_person_count_for_no_session_but_a_gateways(
    desk: Desk, login: str
) -> None:
    async with (
        connected(getattr(desk.database, login)) as connection,
        connection.transaction(),
    ):
        for name, value in (
            ("app.actor_id", desk.staff["admin"]),
            ("app.casino_id", desk.casino),
            ("app.staff_role", "admin"),
        ):
            await connection.execute("SELECT set_config($1, $2, true)", name, str(value))
        if login != "owner":
            assert await connection.fetchval("SELECT caller_has_role('{admin}')") is False
        if login != "readonly":
            assert await connection.fetchval("SELECT count(*) FROM player_loyalty") == 0


async def test_a_person_who_is_suspended_can_do_nothing_from_the_next_statement_on(
    desk: Desk,
) -> None:
    player = await player_with(desk, 10)
    async with desk.acting("admin") as gateway:
        assert await gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 1
        await desk.superuser.execute(
            "UPDATE staff SET status = 'inactive' WHERE id = $1", desk.staff["admin"]
        )
        assert await gateway.fetchval("SELECT count(*) FROM loyalty_ledger") == 0
        request = gateway.fetch(_ADJUST, desk.casino, player, desk.staff["admin"])
        assert await refusal(request) == "STAFF_UNKNOWN"


async def test_a_person_sees_the_own_row_of_staff_alone_and_the_policy_does_not_recurse(
    desk: Desk,
) -> None:
    rows = await desk.rows("admin", "SELECT id, role FROM staff")
    assert [tuple(row) for row in rows] == [(desk.staff["admin"], "admin")]


async def test_a_forged_temporary_table_makes_nobody_an_administrator(desk: Desk) -> None:
    await desk.superuser.execute(
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC',"
        " current_database()); END $$"
    )
    impostor = uuid.uuid4()
    await desk.gateway.execute(
        "CREATE TEMPORARY TABLE staff (casino_id uuid, id uuid, role text, status text)"
    )
    await desk.gateway.execute(
        "INSERT INTO pg_temp.staff VALUES ($1, $2, 'admin', 'active')", desk.casino, impostor
    )
    request = desk.gateway.execute(_SET, impostor, desk.casino, "admin")
    assert await refusal(request) == "STAFF_UNKNOWN"


async def test_another_persons_staff_id_is_forbidden_in_every_function(desk: Desk) -> None:
    player = await player_with(desk, 10)
    for call in (
        "rpc_redeem($1, $2, 1, $3, 'note', gen_random_uuid())",
        "rpc_manual_credit($1, $2, 1, $3, 'note', gen_random_uuid())",
        "rpc_adjust_points($1, $2, 1, $3, 'note', gen_random_uuid())",
        "rpc_reverse_ledger_entry($1, $2, $3, 'note', gen_random_uuid())",
    ):
        for other in (desk.staff["pit_boss"], uuid.uuid4(), None):
            request = desk.call("admin", call, desk.casino, player, other)
            assert await refusal(request) == "FORBIDDEN"


async def test_another_casino_is_refused_in_every_parameter(desk: Desk, neighbour: Desk) -> None:
    theirs = slip_worth(neighbour.casino, 10)
    player = await player_with(neighbour, 10)
    await record_slip(neighbour.superuser, theirs)
    entry = await neighbour.superuser.fetchval(
        "SELECT id FROM loyalty_ledger WHERE player_id = $1", player
    )
    admin = desk.staff["admin"]
    key = "gen_random_uuid()"
    for call, arguments in (
        (f"rpc_redeem($1, $2, 1, $3, 'n', {key})", (neighbour.casino, player, admin)),
        (f"rpc_manual_credit($1, $2, 1, $3, 'n', {key})", (neighbour.casino, player, admin)),
        (f"rpc_adjust_points($1, $2, 1, $3, 'n', {key})", (neighbour.casino, player, admin)),
        (
            f"rpc_reverse_ledger_entry($1, $2, $3, 'n', {key})",
            (neighbour.casino, entry, admin),
        ),
        (
            f"rpc_apply_promotion($1, $2, 'spring', 2, NULL, {key})",
            (neighbour.casino, theirs.rating_slip_id),
        ),
        (f"rpc_accrue_on_close($2, $1, {key})", (neighbour.casino, theirs.rating_slip_id)),
        ("rpc_reconcile_loyalty_balance($2, $1)", (neighbour.casino, player)),
        ("rpc_get_player_balance($1, $2)", (neighbour.casino, player)),
        ("rpc_get_player_ledger($1, $2, NULL)", (neighbour.casino, player)),
    ):
        for casino in (arguments[0], None):
            request = desk.call("admin", call, casino, *arguments[1:])
            assert await refusal(request) == "CASINO_MISMATCH", call

    async with desk.acting("admin") as gateway:
        none = gateway.execute("SELECT require_caller(NULL, '{admin}')")
        assert await refusal(none) == "CASINO_MISMATCH"

    # the own casino with another's ids: they do not exist here
    suggestion = "SELECT * FROM evaluate_session_reward_suggestion($1)"
    assert await refusal(desk.row("admin", suggestion, theirs.rating_slip_id)) == "SLIP_NOT_FOUND"
    assert await refusal(desk.reverse("admin", entry)) == "ENTRY_NOT_FOUND"
    assert await refusal(desk.promote("admin", theirs.rating_slip_id, bonus=1)) == "SLIP_NOT_FOUND"
    assert await refusal(desk.redeem("admin", player, 1)) == "INSUFFICIENT_BALANCE"
    for query in (
        "SELECT * FROM rpc_get_player_balance($1, $2)",
        "SELECT * FROM rpc_get_player_ledger($1, $2, NULL)",
    ):
        assert await desk.rows("admin", query, desk.casino, player) == []
    for table in _TABLES:
        column = "id" if table == "casino" else "casino_id"
        query = f"SELECT count(*) FROM {table} WHERE {column} = $1"  # noqa: S608 - ours
        assert (await desk.row("admin", query, neighbour.casino))[0] == 0
