"""A demonstration from the first part's start to what it has come to."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from loyalty_worker.demo.audit import Books, open_books
from loyalty_worker.demo.books import Progress
from loyalty_worker.demo.drift_check import CheckedBalances, ask_for_drift_check
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Message, Topic
from loyalty_worker.demo.performance import Performance
from loyalty_worker.demo.reckoning import Evidence
from loyalty_worker.demo.report import Report
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.stage import Stage, raised_stage
from loyalty_worker.demo.tally import Tally
from loyalty_worker.demo.topic_reckoning import TopicEvidence
from loyalty_worker.demo.view import live_view, plain_view
from loyalty_worker.demo.worker import DemoWorker

_CASINOS: Final = 3
_DUPLICATES: Final = 0.05
_BROKEN: Final = 0.02
_PROMOTIONS: Final = 0.15
_STATEMENT_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Program:
    """What to perform: `slips` distinct ones; `worker_log` None is a file that goes at the end."""

    slips: int
    seed: int
    plain: bool
    worker_log: Path | None = None

    def messages(self) -> Sequence[Message]:
        """Return yesterday's evening, in the order of publishing."""
        day = (datetime.now(UTC) - timedelta(days=1)).date()
        plan = EveningPlan(
            _CASINOS,
            self.slips,
            self.seed,
            day,
            duplicates=_DUPLICATES,
            broken=_BROKEN,
            promotions=_PROMOTIONS,
        )
        return list(evening(plan))


def run_demo(console: Console, program: Program) -> Report:
    """Perform a demonstration on parts of its own, and return what it has come to.

    Raises `EmbeddedServerError` for a part that does not come up or ends by itself.
    """
    with raised_stage(open_casinos(_CASINOS), lambda text: console.print(f"- {text}")) as stage:
        worker = DemoWorker(stage, program.worker_log or stage.directory / "worker.log")
        worker.start()
        try:
            return asyncio.run(_perform(console, program, stage, worker))
        finally:
            worker.stop()


async def _perform(console: Console, program: Program, stage: Stage, worker: DemoWorker) -> Report:
    await worker.until_ready()
    console.print(f"- worker {worker.pid} is ready: {worker.url}/metrics, log in {worker.log}")
    messages = program.messages()
    awards = [message.expected for message in messages if message.topic is Topic.PROMOTION]
    console.print(
        f"\nThe doors open: {len(messages):,} messages will come, {len(awards):,} of them about"
        f" campaigns' awards; {sum(award.early for award in awards):,} awards come before their"
        " slip."
    )
    live = console.is_terminal and not console.is_dumb_terminal and not program.plain
    view = live_view if live else plain_view
    async with open_books(stage) as books:
        performance = Performance(
            books, worker, messages, lambda text: console.print(Text(f"> {text}", "bold"))
        )
        await performance.play(stage.bootstrap_servers, lambda: view(console))
        checked = await ask_for_drift_check(stage.bootstrap_servers)
        metrics = await worker.metrics()
        exit_status = await asyncio.to_thread(worker.stop)
        evidence = await _gather(books, performance.tallies, checked, exit_status)
        statement = await books.statement(_STATEMENT_LINES)
    return Report(evidence, statement, f"{worker.url}/metrics", metrics)


async def _gather(
    books: Books, tallies: Mapping[Topic, Tally], checked: CheckedBalances | None, exit_status: int
) -> Evidence:
    progress = await books.progress()

    async def of(topic: Topic, reached: Progress) -> TopicEvidence:
        ends, committed = await books.ends(topic), await books.committed(topic)
        return TopicEvidence(tallies[topic], ends, committed, reached)

    return Evidence(
        slips=await of(Topic.RATING_SLIP_CLOSED, progress.slips),
        promotions=await of(Topic.PROMOTION, progress.promotions),
        balances=await books.balances(),
        drift=await books.drift(),
        checked=checked,
        exit_status=exit_status,
    )
