"""The command line: one module for each group of commands; parse, call, print."""

import sys
import traceback
from typing import Annotated

import typer

from loyalty_worker.cli.about import config, version
from loyalty_worker.cli.audit import audit
from loyalty_worker.cli.casino import casino
from loyalty_worker.cli.demo import demo
from loyalty_worker.cli.dlq import dlq
from loyalty_worker.cli.drift import drift
from loyalty_worker.cli.exits import explain
from loyalty_worker.cli.ledger import ledger
from loyalty_worker.cli.migrate import migrate
from loyalty_worker.cli.output import say
from loyalty_worker.cli.parked import parked
from loyalty_worker.cli.process import healthcheck, run
from loyalty_worker.cli.resume import resume
from loyalty_worker.cli.simulate import simulate
from loyalty_worker.cli.topics import topics
from loyalty_worker.telemetry.logs import configure_logging

_DEBUG = "--debug"

app = typer.Typer(
    name="loyalty",
    help="Turns closed rating slips into an append-only loyalty ledger, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(run)
app.add_typer(migrate, name="migrate")
app.add_typer(casino, name="casino")
app.add_typer(topics, name="topics")
app.add_typer(dlq, name="dlq")
app.add_typer(parked, name="parked")
app.command("resume")(resume)
app.add_typer(drift, name="drift")
app.add_typer(ledger, name="ledger")
app.add_typer(audit, name="audit")
app.command("simulate")(simulate)
app.command("demo")(demo)
app.add_typer(config, name="config")
app.command("healthcheck")(healthcheck)
app.command("version")(version)


@app.callback()
def _loyalty(
    *,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show whole tracebacks; they may hold personal data.")
    ] = False,
) -> None:
    # libraries keep quiet: a command says in one line of its own what failed
    configure_logging("DEBUG" if debug else "CRITICAL", None)


def main() -> None:
    """Run the command of `sys.argv` and exit with its status."""
    try:
        app(prog_name="loyalty")
    except Exception as error:  # noqa: BLE001 - the last resort: every failure ends in one line
        if _DEBUG in sys.argv:
            traceback.print_exc()
        status, text = explain(error)
        say(text)
        sys.exit(status)
