"""`loyalty migrate status|plan|up`."""

import asyncio

import typer

from loyalty_worker.cli.exits import PROBLEM_FOUND
from loyalty_worker.cli.options import JsonOption, YesOption, confirm, migration_url
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows
from loyalty_worker.database.migrate import migrate_up
from loyalty_worker.database.migrate import plan as plan_of
from loyalty_worker.database.migrate import status as status_of
from loyalty_worker.database.migration_state import MigrationPlan, MigrationStatus
from loyalty_worker.settings import load_settings

migrate = typer.Typer(help="The database schema, with the owner's login.", no_args_is_help=True)

# A new database would name every function of the ledger.
_MOST_NAMED = 10


@migrate.command("status")
def status(*, as_json: JsonOption = False) -> None:
    """Print each migration and whether it is applied; exit 3 unless all are."""
    versions = asyncio.run(status_of(migration_url(load_settings())))
    rows = [as_row(version) for version in versions]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["version", "name", "status", "applied_at"])
    if any(version.status is not MigrationStatus.APPLIED for version in versions):
        raise typer.Exit(PROBLEM_FOUND)


@migrate.command("plan")
def plan(*, as_json: JsonOption = False) -> None:
    """Print what `up` would do."""
    planned = asyncio.run(plan_of(migration_url(load_settings())))
    if as_json:
        print_json(
            {
                "versions": [version.name for version in planned.versions],
                "functions": [function.name for function in planned.functions],
            }
        )
    else:
        for line in _describe(planned):
            print_line(line)


@migrate.command("up")
def up(*, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Bring the database to the newest schema."""
    url = migration_url(load_settings())
    planned = asyncio.run(plan_of(url))
    if not planned.empty:
        confirm(_describe(planned), yes=yes)
    report = asyncio.run(migrate_up(url))
    if as_json:
        print_json(as_row(report))
        return
    for name in report.applied:
        print_line(f"applied {name}")
    functions = "functions replaced" if report.functions_replaced else "nothing to do"
    print_line(f"database schema is at version {report.version}, {functions}")


def _describe(planned: MigrationPlan) -> list[str]:
    if planned.empty:
        return ["nothing to do"]
    lines = [f"apply versions/{version.name}" for version in planned.versions]
    changed = len(planned.functions)
    if changed > _MOST_NAMED:
        which = f"; {changed} are new or changed, `loyalty migrate plan --json` names them"
    elif changed:
        which = f"; new or changed: {', '.join(function.name for function in planned.functions)}"
    else:
        which = ""
    return [*lines, f"replace all functions{which}"]
