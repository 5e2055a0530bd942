"""The benchmark as a whole: a server of its own, a filled ledger, and every measurement on it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.checking import measure_checks
from benchmarks.filling import Shape, fill
from benchmarks.measures import Figure, rounds
from benchmarks.memory import measure_memory
from benchmarks.posting import measure_posting
from loyalty_worker.embedded.logins import DatabaseUrls


@dataclass(frozen=True, slots=True)
class Plan:
    """How large, how often, and how long at most; `batches` are per round and connection."""

    shape: Shape
    check_rounds: int
    posting_rounds: int
    check_seconds: float
    posting_seconds: float
    batches: int


async def measure(database: DatabaseUrls, plan: Plan, say: Callable[[str], None]) -> list[Figure]:
    """Fill a migrated database and measure on it."""
    shape = plan.shape
    say(f"filling: {shape.entries:,} entries of {shape.players:,} players")
    await fill(database, shape)
    say("watching memory, before this process has checked anything")
    memory = await measure_memory(database)
    say("checking, each way once a round")
    counted = rounds(plan.check_rounds, plan.check_seconds)
    figures = await measure_checks(database, shape, counted)
    figures += memory
    say("posting, undisturbed and beside checks")
    counted = rounds(plan.posting_rounds, plan.posting_seconds)
    figures += await measure_posting(database, shape, counted, plan.batches)
    return figures
