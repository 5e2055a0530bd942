"""The database's catalogue against the folder of functions and against the house's rules."""

import re

import asyncpg

from loyalty_worker.resources import resource_folder
from sqlslips import Connection

_FOLDER = resource_folder("migrations") / "functions"
_ROLES = {"loyalty_worker", "loyalty_operator", "loyalty_readonly"}
_GATEWAYS = {"loyalty_staff", "loyalty_postgrest"}


async def test_every_function_has_its_file_and_every_file_its_one_function(
    superuser: Connection,
) -> None:
    functions = await superuser.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname"
    )
    assert [name for (name,) in functions] == sorted(path.stem for path in _FOLDER.glob("*.sql"))


async def test_every_file_creates_the_function_it_is_named_after() -> None:
    for path in _FOLDER.glob("*.sql"):
        created = re.findall(
            r"^CREATE OR REPLACE FUNCTION (\w+)\s*\(", path.read_text(), re.MULTILINE
        )
        assert created == [path.stem]


async def test_every_body_is_valid_now_that_all_functions_exist(owner: Connection) -> None:
    invalid = []
    for path in _FOLDER.glob("*.sql"):
        try:
            async with owner.transaction():
                await owner.execute("SET LOCAL check_function_bodies = on")
                await owner.execute(path.read_text())
        except asyncpg.PostgresError as error:
            invalid.append((path.stem, str(error)))
    assert invalid == []


async def test_no_function_runs_with_its_owners_rights_or_on_the_callers_search_path(
    superuser: Connection,
) -> None:
    wrong = await superuser.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND (prosecdef"
        " OR 'search_path=pg_catalog, public, pg_temp' <> ALL (coalesce(proconfig, '{}')))"
    )
    assert wrong == []


async def test_nothing_is_granted_to_everybody(superuser: Connection) -> None:
    granted = await superuser.fetch(
        """
        SELECT o.name, a.privilege_type
        FROM (
            SELECT proname, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT relname, coalesce(relacl, acldefault('r', relowner)) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
            UNION ALL
            SELECT attname, attacl FROM pg_attribute
            JOIN pg_class AS c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        ) AS o (name, acl)
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee = 0
        """
    )
    assert granted == []


async def test_everybody_cannot_create_objects_in_the_schema(superuser: Connection) -> None:
    assert not await superuser.fetchval(
        "SELECT bool_or(a.privilege_type = 'CREATE') FROM pg_namespace, aclexplode(nspacl) AS a"
        " WHERE nspname = 'public' AND a.grantee = 0"
    )


async def test_the_gateways_hold_no_operational_table_and_change_nothing_but_what_they_must(
    superuser: Connection,
) -> None:
    held = await superuser.fetch(
        "SELECT a.grantee::regrole::text, relname, array_agg(a.privilege_type::text"
        " ORDER BY a.privilege_type) FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS a"
        " WHERE relnamespace = 'public'::regnamespace AND a.grantee = ANY ($1::regrole[])"
        " GROUP BY 1, 2 ORDER BY 2",
        sorted(_GATEWAYS),
    )
    # columns that may be written where not all may: the ledger's, the audit's, the balance's
    rights = {
        "casino": ["SELECT"],
        "casino_rules": ["SELECT"],
        "casino_settings": ["SELECT"],
        "loyalty_ledger": ["SELECT"],
        "loyalty_policy_version": ["SELECT"],
        "player": ["INSERT"],
        "player_loyalty": ["DELETE", "SELECT"],
        "rating_slip": ["INSERT", "SELECT", "UPDATE"],
        "staff": ["SELECT"],
    }
    for gateway in _GATEWAYS:
        assert {table: owned for role, table, owned in held if role == gateway} == rights


async def test_the_group_roles_can_neither_log_in_nor_pass_by_the_policies(
    superuser: Connection,
) -> None:
    roles = await superuser.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'loyalty\\_%' AND rolname = ANY ($1)"
        " AND NOT (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole)",
        sorted(_ROLES | _GATEWAYS),
    )
    assert {name for (name,) in roles} == _ROLES | _GATEWAYS


async def test_row_security_is_forced_on_every_table_with_a_casino(superuser: Connection) -> None:
    unguarded = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    operational = {
        "accrual_pause",
        "consumer_halt",
        "consumer_progress",
        "dead_letter",
        "drift_check_casino",
        "drift_check_run",
        "drift_finding",
        "drift_tick",
        "loyalty_policy_version",
        "outbox_record",
        "parked_event",
        "worker_lease",
    }
    of_the_runner = {"schema_migration", "schema_function"}
    assert {name for (name,) in unguarded} == operational | of_the_runner


async def test_every_unique_index_of_a_casinos_table_leads_with_the_casino(
    superuser: Connection,
) -> None:
    others = await superuser.fetch(
        "SELECT DISTINCT i.indrelid::regclass::text FROM pg_index AS i"
        " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " JOIN pg_class AS c ON c.oid = i.indrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique"
        " AND a.attname <> 'casino_id'"
        " AND EXISTS (SELECT FROM pg_attribute AS x WHERE x.attrelid = i.indrelid"
        " AND x.attname = 'casino_id' AND NOT x.attisdropped)"
    )
    # audits, letters and drift checks that belong to no casino are kept as well; a parked row is a
    # record
    assert {name for (name,) in others} == {
        "audit_log",
        "dead_letter",
        "drift_check_run",
        "parked_event",
    }


async def test_the_view_of_rules_and_the_columns_agree_on_the_defaults(
    superuser: Connection,
) -> None:
    await superuser.execute(
        "INSERT INTO casino (id, name) VALUES"
        " ('00000000-0000-0000-0000-000000000001', 'without settings'),"
        " ('00000000-0000-0000-0000-000000000002', 'with settings');"
        " INSERT INTO casino_settings (casino_id) VALUES ('00000000-0000-0000-0000-000000000002')"
    )
    without, with_settings = await superuser.fetch(
        "SELECT max_overdraw_points_per_redeem, max_redeem_points_per_txn, accrual_enabled,"
        " timezone, gaming_day_start FROM casino_rules ORDER BY casino_id"
    )
    assert tuple(without) == tuple(with_settings)
