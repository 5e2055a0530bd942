from pathlib import Path

import asyncpg
import psutil
import pytest

from loyalty_worker.embedded import postgres_binaries
from loyalty_worker.embedded.logs import EmbeddedServerError
from loyalty_worker.embedded.postgres import EmbeddedPostgres, StopMode
from loyalty_worker.embedded.postgres_binaries import PostgresBinaries


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_committed_rows_outlive_a_stop(
    private_postgres: EmbeddedPostgres, mode: StopMode
) -> None:
    url = private_postgres.superuser_url
    await execute(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    private_postgres.stop(mode)
    assert not private_postgres.running
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(url)
    private_postgres.start()
    assert await value(url, "SELECT answer FROM kept") == 42


async def test_committed_rows_outlive_a_kill_that_leaves_no_process(
    private_postgres: EmbeddedPostgres,
) -> None:
    url = private_postgres.superuser_url
    await execute(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    connection = await asyncpg.connect(url)
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    private_postgres.kill()
    connection.terminate()
    assert not backend.is_running()
    private_postgres.start()
    assert await value(url, "SELECT answer FROM kept") == 42


async def test_a_wrong_password_is_refused(private_postgres: EmbeddedPostgres) -> None:
    url = private_postgres.superuser_url
    login, _, address = url.rpartition("@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{login}x@{address}")


async def test_the_version_told_is_the_servers_own(private_postgres: EmbeddedPostgres) -> None:
    told = await value(private_postgres.superuser_url, "SHOW server_version")
    assert told == private_postgres.version


async def test_commits_reach_the_disk(private_postgres: EmbeddedPostgres) -> None:
    assert await value(private_postgres.superuser_url, "SHOW fsync") == "on"


def test_a_server_that_does_not_come_up_is_explained_by_the_end_of_its_log(
    directory: Path,
) -> None:
    server = EmbeddedPostgres(directory, {"shared_buffers": "a few"})
    with pytest.raises(EmbeddedServerError, match="shared_buffers"):
        server.start()


def test_starting_a_running_server_is_refused(private_postgres: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedServerError, match="running already"):
        private_postgres.start()


def test_the_programs_run_from_a_copy_where_their_account_cannot_reach_the_package() -> None:
    original = postgres_binaries.postgres_binaries()
    copy = postgres_binaries._copy(original.folder.parents[1])
    copied = PostgresBinaries(copy / "pginstall" / "bin", original.account)
    assert copied.version() == original.version()


def test_the_programs_of_another_installation_can_be_run(directory: Path) -> None:
    installed = postgres_binaries.installed_binaries(postgres_binaries.postgres_binaries().folder)
    with EmbeddedPostgres(directory, binaries=installed) as server:
        assert server.running
        assert server.version == installed.version()


def test_a_folder_without_a_server_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="name the folder of PostgreSQL's bin"):
        postgres_binaries.installed_binaries(tmp_path)
