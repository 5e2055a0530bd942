"""The acts: a fault under traffic and the reckoning after it, one after another, and a table."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faults.books import Findings
from faults.scenarios import Scenario, create_again
from faults.stage import Servers, Stage

_ACT_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Act:
    """What came of a fault; `recovery` is seconds from its end until there was no lag."""

    fault: str
    seed: int
    findings: Findings
    recovery: float


async def perform(
    servers: Servers, scenarios: Sequence[Scenario], seed: int, done: Callable[[Act], None]
) -> None:
    """Do faults to one stage in order, the topic's recreation last; `done` learns of each.

    The seed decides the traffic and the instants. Fails at the first that leaves a trace.
    """
    with servers.databases.migrated() as database, tempfile.TemporaryDirectory() as logs:
        stage = Stage(servers, database, Path(logs), seed)
        try:
            await stage.open()
            for scenario in scenarios:
                done(await _one(stage, scenario, seed))
            done(await _recreation(stage, seed))
            await stage.books.assert_letters_copied()
        finally:
            await stage.close()


async def _one(stage: Stage, scenario: Scenario, seed: int) -> Act:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_ACT_SECONDS):
        async with stage.flowing():
            await stage.pause()
            await scenario.run(stage)
            ended = loop.time()
        return await _reckoned(stage, scenario.name, seed, ended)


async def _recreation(stage: Stage, seed: int) -> Act:
    async with asyncio.timeout(_ACT_SECONDS):
        await create_again(stage)
        ended = asyncio.get_running_loop().time()
        stage.books.start_over()
        async with stage.flowing():
            await stage.pause()
        return await _reckoned(stage, "the topic is deleted and created again", seed, ended)


async def _reckoned(stage: Stage, fault: str, seed: int, ended: float) -> Act:
    await stage.books.until_no_lag()
    recovery = asyncio.get_running_loop().time() - ended
    await stage.until_ready()
    act = Act(fault, seed, await stage.books.audit(), recovery)
    found = act.findings
    assert (found.lost, found.doubled, found.drift) == (0, 0, 0), act
    await stage.books.assert_in_order()
    for worker in stage.workers:
        assert not worker.events("partition_task_died"), worker.tail()
    return act


def print_table(acts: Sequence[Act]) -> None:
    """Print a row for every act; records are those of the stage so far."""
    table = Table(title="faults", title_justify="left")
    table.add_column("fault")
    for heading in ("seed", "records", "lost", "doubled", "drift", "recovery s"):
        table.add_column(heading, justify="right")
    for act in acts:
        found = act.findings
        numbers = (act.seed, found.records, found.lost, found.doubled, found.drift)
        table.add_row(act.fault, *map(str, numbers), f"{act.recovery:.1f}")
    Console(width=120).print(table)
