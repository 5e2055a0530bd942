import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from loyalty_worker.database.connection import DatabaseUnavailable
from loyalty_worker.database.migrate import migrate_up, plan, status
from loyalty_worker.database.migration_files import MigrationError, read_migrations
from loyalty_worker.database.migration_state import MigrationStatus
from loyalty_worker.database.schema_check import schema_problem
from loyalty_worker.embedded.logins import DatabaseUrls

REPOSITORY = Path(__file__).parents[2]


class Folder:
    """A folder of migrations that a test writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "versions").mkdir()
        (path / "functions").mkdir()

    def version(self, name: str, sql: str) -> None:
        (self.path / "versions" / name).write_text(sql, encoding="utf-8")

    def function(self, name: str, body: str) -> None:
        (self.path / "functions" / f"{name}.sql").write_text(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS integer LANGUAGE sql"
            f" BEGIN ATOMIC SELECT {body}; END;",
            encoding="utf-8",
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.version("0001_create_table.sql", "CREATE TABLE thing (id integer);")
    made.function("one", "1")
    return made


@pytest.fixture
async def owner(
    empty_database: DatabaseUrls,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(empty_database.owner)
    yield connection
    await connection.close()


async def _exists(owner: "asyncpg.Connection[asyncpg.Record]", relation: str) -> bool:
    return bool(await owner.fetchval("SELECT to_regclass($1) IS NOT NULL", relation))


async def test_an_empty_database_gets_versions_in_order_and_then_the_functions(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version("0002_add_column.sql", "ALTER TABLE thing ADD COLUMN name text;")

    report = await migrate_up(empty_database.owner, folder=folder.path)

    assert report.applied == ("0001_create_table.sql", "0002_add_column.sql")
    assert report.functions_replaced
    assert report.version == 2
    assert await owner.fetchval("SELECT one()") == 1
    assert [row.status for row in await status(empty_database.owner, folder=folder.path)] == [
        MigrationStatus.APPLIED,
        MigrationStatus.APPLIED,
    ]


async def test_a_second_run_does_nothing(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await migrate_up(empty_database.owner, folder=folder.path)
    before = await owner.fetch(
        "SELECT * FROM schema_function UNION ALL SELECT name, checksum, "
        "applied_at FROM schema_migration ORDER BY 1"
    )

    report = await migrate_up(empty_database.owner, folder=folder.path)

    assert report.applied == ()
    assert not report.functions_replaced
    assert before == await owner.fetch(
        "SELECT * FROM schema_function UNION ALL SELECT name, checksum, "
        "applied_at FROM schema_migration ORDER BY 1"
    )


async def test_a_plan_says_what_up_would_do_and_touches_nothing(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    planned = await plan(empty_database.owner, folder=folder.path)

    assert [file.name for file in planned.versions] == ["0001_create_table.sql"]
    assert [file.name for file in planned.functions] == ["one.sql"]
    assert not await _exists(owner, "schema_migration")
    assert not await _exists(owner, "thing")


async def test_a_changed_function_is_replaced_without_a_new_version(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await migrate_up(empty_database.owner, folder=folder.path)
    folder.function("one", "11")

    report = await migrate_up(empty_database.owner, folder=folder.path)

    assert report.applied == ()
    assert report.functions_replaced
    assert await owner.fetchval("SELECT one()") == 11


async def test_functions_may_call_each_other_whatever_their_names_order(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    for name, body in (("alpha", "SELECT omega()"), ("omega", "SELECT 7")):
        (folder.path / "functions" / f"{name}.sql").write_text(
            f"CREATE FUNCTION {name}() RETURNS integer LANGUAGE sql AS '{body}';"
        )

    await migrate_up(empty_database.owner, folder=folder.path)

    assert await owner.fetchval("SELECT alpha()") == 7


async def test_a_broken_function_leaves_all_functions_as_they_were(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await migrate_up(empty_database.owner, folder=folder.path)
    folder.function("one", "11")
    folder.function("two", "missing_column")

    with pytest.raises(MigrationError, match=r"functions/two\.sql failed.*42703"):
        await migrate_up(empty_database.owner, folder=folder.path)

    assert await owner.fetchval("SELECT one()") == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0003_too_far.sql", "expected number 0002"),
        ("0001_again.sql", "expected number 0002"),
        ("2_add.sql", "NNNN_verb_object"),
    ],
)
async def test_a_gap_a_repetition_or_a_bad_name_is_refused_before_anything_runs(
    empty_database: DatabaseUrls,
    owner: "asyncpg.Connection[asyncpg.Record]",
    folder: Folder,
    name: str,
    expected: str,
) -> None:
    folder.version(name, "SELECT 1;")

    with pytest.raises(MigrationError, match=expected):
        await migrate_up(empty_database.owner, folder=folder.path)

    assert not await _exists(owner, "thing")


async def test_an_applied_version_that_was_edited_is_refused(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await migrate_up(empty_database.owner, folder=folder.path)
    folder.version("0001_create_table.sql", "CREATE TABLE thing (id bigint);")
    folder.version("0002_create_other.sql", "CREATE TABLE other (id integer);")

    with pytest.raises(MigrationError, match=r"0001_create_table\.sql was applied"):
        await migrate_up(empty_database.owner, folder=folder.path)

    assert not await _exists(owner, "other")


async def test_other_line_ends_are_no_edit(empty_database: DatabaseUrls, folder: Folder) -> None:
    sql = "CREATE TABLE lines (\n    id integer\n);\n"
    folder.version("0002_create_lines.sql", sql)
    await migrate_up(empty_database.owner, folder=folder.path)
    (folder.path / "versions" / "0002_create_lines.sql").write_bytes(
        sql.replace("\n", "\r\n").encode()
    )

    assert (await plan(empty_database.owner, folder=folder.path)).empty


async def test_an_older_package_does_not_touch_a_newer_database(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version("0002_create_other.sql", "CREATE TABLE other (id integer);")
    await migrate_up(empty_database.owner, folder=folder.path)
    (folder.path / "versions" / "0002_create_other.sql").unlink()
    folder.function("one", "0")

    with pytest.raises(MigrationError, match="migrate with the newer package"):
        await migrate_up(empty_database.owner, folder=folder.path)

    assert await owner.fetchval("SELECT one()") == 1


async def test_a_removed_row_of_the_history_is_refused(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version("0002_create_other.sql", "CREATE TABLE other (id integer);")
    await migrate_up(empty_database.owner, folder=folder.path)
    await owner.execute("DELETE FROM schema_migration WHERE version = 1")

    with pytest.raises(MigrationError, match="0001 is not applied but 0002 is"):
        await migrate_up(empty_database.owner, folder=folder.path)


async def test_a_failing_version_leaves_nothing_and_those_before_it_stay(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version("0002_half.sql", "CREATE TABLE half (id integer);\nSELECT broken;\n")

    with pytest.raises(MigrationError, match=r"versions/0002_half\.sql.*42703, line 2"):
        await migrate_up(empty_database.owner, folder=folder.path)

    assert not await _exists(owner, "half")
    assert await _exists(owner, "thing")
    assert await owner.fetchval("SELECT max(version) FROM schema_migration") == 1


async def test_a_failing_version_s_message_holds_no_row_values(
    empty_database: DatabaseUrls, folder: Folder
) -> None:
    folder.version(
        "0002_collide.sql",
        "CREATE TABLE c (v text CONSTRAINT once UNIQUE);"
        "INSERT INTO c VALUES ('canary'), ('canary');",
    )

    with pytest.raises(MigrationError) as failure:
        await migrate_up(empty_database.owner, folder=folder.path)

    assert "once" in str(failure.value)
    assert "23505" in str(failure.value)
    assert "canary" not in str(failure.value)


async def test_a_version_that_ends_its_own_transaction_is_reported(
    empty_database: DatabaseUrls, folder: Folder
) -> None:
    folder.version("0002_commit.sql", "CREATE TABLE escaped (id integer); COMMIT;")

    with pytest.raises(MigrationError, match=r"0002_commit\.sql ends the transaction"):
        await migrate_up(empty_database.owner, folder=folder.path)


async def test_an_index_is_built_concurrently_by_a_file_that_asks_for_no_transaction(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version(
        "0002_index_thing.sql",
        "-- Locks: SHARE UPDATE EXCLUSIVE on thing.\n"
        "-- migrate: no-transaction\n"
        "CREATE INDEX CONCURRENTLY thing_id ON thing (id);\n",
    )

    await migrate_up(empty_database.owner, folder=folder.path)

    assert await owner.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_id'::regclass"
    )


async def test_an_unknown_directive_is_refused(
    empty_database: DatabaseUrls, folder: Folder
) -> None:
    folder.version("0002_typo.sql", "-- migrate: no-transactoin\nSELECT 1;\n")

    with pytest.raises(MigrationError, match="unknown directive 'no-transactoin'"):
        await migrate_up(empty_database.owner, folder=folder.path)


async def test_two_runners_at_once_apply_each_version_once(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    folder.version("0002_slow.sql", "SELECT pg_sleep(0.5); CREATE TABLE slow (id integer);")
    folder.version(
        "0003_index.sql",
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY slow_id ON slow (id);",
    )

    reports = await asyncio.gather(
        *(migrate_up(empty_database.owner, folder=folder.path) for _ in range(2))
    )

    assert sorted(len(report.applied) for report in reports) == [0, 3]
    assert await owner.fetchval("SELECT count(*) FROM schema_migration") == 3


async def test_a_runner_that_waits_too_long_says_what_it_waits_for(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await owner.execute("SELECT pg_advisory_lock(x'6C6F79616C7479'::bigint)")

    with pytest.raises(MigrationError, match="another migration of this database"):
        await migrate_up(empty_database.owner, folder=folder.path, lock_wait_seconds=0.3)


async def test_a_login_s_own_search_path_does_not_move_the_tables(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await owner.execute(
        f"CREATE SCHEMA elsewhere;ALTER DATABASE {empty_database.name} SET search_path = elsewhere"
    )

    await migrate_up(empty_database.owner, folder=folder.path)

    assert await _exists(owner, "public.thing")


async def test_a_server_that_is_not_there_is_named_without_the_login() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1, database x") as failure:
        await migrate_up("postgresql://someone:canary@127.0.0.1:1/x")

    assert "canary" not in str(failure.value)
    assert "someone" not in str(failure.value)


async def test_a_worker_accepts_its_own_schema_and_a_newer_one_but_not_an_older(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    older_worker = read_migrations(folder.path)
    assert "version 0, this worker needs 1" in (await schema_problem(owner, older_worker) or "")
    await migrate_up(empty_database.owner, folder=folder.path)
    assert await schema_problem(owner, older_worker) is None
    folder.version("0002_add_column.sql", "ALTER TABLE thing ADD COLUMN name text;")
    newer_worker = read_migrations(folder.path)

    assert "run `loyalty migrate up`" in (await schema_problem(owner, newer_worker) or "")
    await migrate_up(empty_database.owner, folder=folder.path)

    assert await schema_problem(owner, newer_worker) is None
    assert await schema_problem(owner, older_worker) is None


async def test_a_version_can_shut_out_workers_that_are_too_old_for_it(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    older_worker = read_migrations(folder.path)
    folder.version("0002_break.sql", "-- migrate: oldest-worker 0002\nDROP TABLE thing;\n")

    await migrate_up(empty_database.owner, folder=folder.path)

    assert "needs workers of version 2" in (await schema_problem(owner, older_worker) or "")
    assert await schema_problem(owner, read_migrations(folder.path)) is None


async def test_a_worker_misses_a_function_that_is_not_installed_yet(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", folder: Folder
) -> None:
    await migrate_up(empty_database.owner, folder=folder.path)
    folder.function("two", "2")

    assert "two.sql" in (await schema_problem(owner, read_migrations(folder.path)) or "")


@pytest.mark.parametrize("login", ["worker", "operator", "readonly"])
async def test_every_login_of_a_deployment_can_see_how_new_the_schema_is(
    database: DatabaseUrls, login: str
) -> None:
    connection = await asyncpg.connect(getattr(database, login))
    try:
        assert await schema_problem(connection, read_migrations()) is None
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM schema_migration")
    finally:
        await connection.close()


def _install_wheel(directory: Path) -> Path:
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(directory)], cwd=REPOSITORY, check=True)
    (wheel,) = directory.glob("*.whl")
    installed = directory / "installed"
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([sys.executable, *install, str(installed), str(wheel)], check=True)
    return installed


def _run_python(installed: Path, url: str, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "LOYALTY_MIGRATION_DATABASE_URL": url,
    }
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=installed,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


async def test_an_installed_wheel_migrates_an_empty_database_with_its_own_files(
    empty_database: DatabaseUrls, owner: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> None:
    installed = _install_wheel(tmp_path)
    where = "from loyalty_worker.resources import *; print(resource_folder('migrations'))"
    assert _run_python(installed, empty_database.owner, "-c", where).startswith(str(installed))

    _run_python(installed, empty_database.owner, "-m", "loyalty_worker", "migrate", "up", "--yes")

    assert await schema_problem(owner, read_migrations()) is None
