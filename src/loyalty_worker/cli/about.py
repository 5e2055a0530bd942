"""`loyalty version` and `loyalty config show`."""

import platform
from importlib.metadata import version as installed_version

import typer

from loyalty_worker.cli.options import JsonOption
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows, say
from loyalty_worker.database.schema_check import required_version
from loyalty_worker.settings import load_settings
from loyalty_worker.settings.display import show_settings, unknown_variables

config = typer.Typer(help="The settings.", no_args_is_help=True)


def version(*, as_json: JsonOption = False) -> None:
    """Print the version, and the database schema it was written for."""
    about = {
        "version": installed_version("loyalty-worker"),
        "schema_version": required_version(),
        "python": platform.python_version(),
    }
    if as_json:
        print_json(about)
    else:
        print_line(f"loyalty {about['version']} (database schema {about['schema_version']})")


@config.command("show")
def show(*, as_json: JsonOption = False) -> None:
    """Print every setting, its value and where that came from; secrets are masked."""
    rows = [as_row(setting) for setting in show_settings(load_settings())]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["variable", "value", "origin", "meaning"])
    for name, nearest in unknown_variables():
        hint = f"; did you mean {nearest}?" if nearest else ""
        say(f"{name} is no setting and is ignored{hint}")
