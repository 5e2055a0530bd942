"""Measures the drift check, and posting beside it, on a million entries: `make bench`.

Prints a table and keeps the figures in `results/drift.json`. Exit 1 where a target is missed.
"""

import asyncio
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.bench import Plan, measure
from benchmarks.filling import Shape
from benchmarks.report import keep, table
from loyalty_worker.embedded.logins import create_logins
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
from parts.postgres import chosen_binaries, migrated_database

PLAN = Plan(
    shape=Shape(entries=1_000_000, players=100_000, casinos=4),
    check_rounds=7,
    posting_rounds=12,
    check_seconds=35,
    posting_seconds=45,
    batches=4,
)
RESULTS = Path(__file__).parent / "results" / "drift.json"


async def main() -> int:
    """Measure on a server with the settings that PostgreSQL comes with."""
    console = Console(width=120)
    started = time.monotonic()

    def say(step: str) -> None:
        console.print(f"{time.monotonic() - started:5.0f} s  {step}", highlight=False)

    with (
        temporary_directory() as directory,
        EmbeddedPostgres(directory, binaries=chosen_binaries()) as server,
    ):
        logins = await create_logins(server.superuser_url)
        database = await migrated_database(server.superuser_url, "bench", logins)
        figures = await measure(database, PLAN, say)
        say("done")
        keep(figures, server.version, PLAN.shape.entries, PLAN.shape.players, RESULTS)
    console.print(table(figures))
    missed = [figure for figure in figures if not figure.is_met]
    console.print(f"{len(missed)} targets missed" if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
