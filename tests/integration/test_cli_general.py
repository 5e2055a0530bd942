"""What holds for every command: usage, settings, failures, and where output goes."""

import json
from importlib.metadata import version

import pytest

from command import loyalty
from loyalty_worker.database.schema_check import required_version
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.telemetry.health import ProbeReport
from loyalty_worker.telemetry.http import HttpPages, serve_http


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("migrate", "sideways"),
        ("version", "--no-such-option"),
        ("casino", "add", "not-a-uuid", "--name", "X", "--yes"),
        ("casino", "add", "2f6d3c1e-1111-4222-8333-444455556666", "--yes"),
        ("ledger", "show", "2f6d3c1e-1111-4222-8333-444455556666"),
        ("topics", "create", "--partitions", "0"),
        ("run", "--workers", "2"),  # one consumer a process: FastStream's workers share a port
    ],
)
async def test_a_wrong_command_line_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    run = await loyalty(*arguments)

    assert run.returncode == 2
    assert run.stdout == ""
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        (("migrate", "status"), "LOYALTY_MIGRATION_DATABASE_URL"),
        (("migrate", "plan"), "LOYALTY_MIGRATION_DATABASE_URL"),
        (("migrate", "up", "--yes"), "LOYALTY_MIGRATION_DATABASE_URL"),
        (("casino", "list"), "LOYALTY_OPERATOR_DATABASE_URL"),
        (("run",), "LOYALTY_DATABASE_URL"),
    ],
)
async def test_a_missing_url_is_told_by_its_variable(
    arguments: tuple[str, ...], variable: str
) -> None:
    run = await loyalty(*arguments)

    assert run.returncode == 4
    assert run.stderr.startswith(f"{variable}: ")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("migrate", "status"), ("migrate", "plan"), ("migrate", "up", "--yes")]
)
async def test_an_unreachable_database_is_one_line_with_its_place_and_no_login(
    arguments: tuple[str, ...],
) -> None:
    port = free_port()
    run = await loyalty(
        *arguments, MIGRATION_DATABASE_URL=f"postgresql://owner:canary@{HOST}:{port}/loyalty"
    )

    assert run.returncode == 4
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert f"{HOST}:{port}, database loyalty" in line
    assert "canary" not in line
    assert "owner" not in line


async def test_a_wrong_setting_is_told_before_anything_happens() -> None:
    run = await loyalty("config", "show", HTTP_PORT="high", BATCH_MAX_RECORDS="0")

    assert run.returncode == 4
    assert run.stdout == ""
    assert {line.partition(":")[0] for line in run.stderr.splitlines()} == {
        "LOYALTY_HTTP_PORT",
        "LOYALTY_BATCH_MAX_RECORDS",
    }


async def test_debug_shows_the_traceback_and_the_same_status() -> None:
    run = await loyalty("--debug", "casino", "list")

    assert run.returncode == 4
    assert "Traceback" in run.stderr


async def test_version_prints_one_line_or_one_document() -> None:
    plain = await loyalty("version")
    document = json.loads((await loyalty("version", "--json")).stdout)

    installed = version("loyalty-worker")
    assert plain.stdout == f"loyalty {installed} (database schema {required_version()})\n"
    assert document["version"] == installed
    assert document["schema_version"] == required_version()


async def test_config_show_masks_secrets_and_tells_where_each_value_came_from() -> None:
    run = await loyalty(
        "config", "show", "--json", DATABASE_URL="postgresql://w:canary@127.0.0.1/l", HTTP_PORT="81"
    )

    rows = {row["variable"]: row for row in json.loads(run.stdout)}
    assert run.returncode == 0
    assert "canary" not in run.stdout + run.stderr
    assert rows["LOYALTY_DATABASE_URL"]["value"] == "postgresql://w:********@127.0.0.1/l"
    assert rows["LOYALTY_HTTP_PORT"]["value"] == 81
    assert rows["LOYALTY_HTTP_PORT"]["origin"] == "environment"
    assert rows["LOYALTY_BATCH_MAX_WAIT_MS"]["origin"] == "default"


async def test_config_show_names_a_variable_that_is_no_setting() -> None:
    run = await loyalty("config", "show", DATABSE_URL="x")

    assert run.returncode == 0
    assert "did you mean LOYALTY_DATABASE_URL?" in run.stderr


async def test_a_table_in_a_pipe_is_never_cut() -> None:
    run = await loyalty("config", "show", KAFKA_GROUP_PREFIX="g" * 180)

    assert "g" * 180 in run.stdout
    assert (
        len(run.stdout.splitlines())
        == len(json.loads((await loyalty("config", "show", "--json")).stdout)) + 1
    )


def _pages(*, ready: bool) -> HttpPages:
    return HttpPages(
        metrics=lambda: b"",
        live=lambda: ProbeReport(ok=True, reasons=()),
        ready=lambda: ProbeReport(ready, () if ready else ("start: joining",)),
        asyncapi=lambda: "{}",
    )


async def test_healthcheck_says_what_the_worker_s_probes_say() -> None:
    async with serve_http(HOST, 0, _pages(ready=False)) as port:
        live = await loyalty("healthcheck", HTTP_PORT=str(port), HTTP_HOST="0.0.0.0")  # noqa: S104 - asked, not bound
        ready = await loyalty("healthcheck", "--ready", HTTP_PORT=str(port))
        document = await loyalty("healthcheck", "--ready", "--json", HTTP_PORT=str(port))

    assert (live.returncode, live.stdout) == (0, "ok\n")
    assert (ready.returncode, ready.stdout) == (3, "start: joining\n")
    assert json.loads(document.stdout) == {"ok": False, "reasons": ["start: joining"]}


async def test_healthcheck_of_a_worker_that_is_not_there_is_told_with_its_address() -> None:
    port = free_port()
    run = await loyalty("healthcheck", HTTP_PORT=str(port))

    assert run.returncode == 4
    assert f"no worker answers at {HOST}:{port}" in run.stderr
