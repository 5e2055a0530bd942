"""What is seen of the evening while it goes on: a live picture on a terminal, else plain lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loyalty_worker.demo.books import WORDS, EveningProgress, Progress, as_sum
from loyalty_worker.demo.news import News
from loyalty_worker.demo.worker import WorkerState
from loyalty_worker.domain.outcomes import Outcome

_PLAIN_SECONDS: Final = 2.0
_BAR_WIDTH: Final = 40
_WIDTH: Final = 100
NEWS_LINES: Final = 5

_STYLES: Final = {
    WorkerState.STARTING: "bold red",
    WorkerState.JOINING: "bold yellow",
    WorkerState.READY: "bold green",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at everything; `seconds` since the doors opened, `total` messages to come."""

    seconds: float
    total: int
    progress: EveningProgress
    worker: WorkerState
    news: Sequence[News]


Show: TypeAlias = Callable[[Moment], None]


@contextmanager
def live_view(console: Console) -> Iterator[Show]:
    """Give what shows a picture that changes in place; what else is printed stands above it."""
    with Live(console=console, auto_refresh=False) as live:
        yield lambda moment: live.update(_picture(moment), refresh=True)


@contextmanager
def plain_view(console: Console) -> Iterator[Show]:
    """Give what prints a line for each topic every two seconds."""
    due = 0.0

    def show(moment: Moment) -> None:
        nonlocal due
        if moment.seconds >= due:
            due = moment.seconds + _PLAIN_SECONDS
            for line in _lines(moment):
                console.print(line)

    yield show


def _lines(moment: Moment) -> Iterator[str]:
    progress, promotions = moment.progress, moment.progress.promotions
    yield (
        f"{moment.seconds:5.1f} s  slips: {_account(progress.slips)}"
        f"; worker {moment.worker}, {progress.points:,} points"
    )
    yield f"        awards: {_account(promotions)}; still parked {promotions.waiting:,}"


def _account(progress: Progress) -> str:
    return f"published {progress.published:,} = {as_sum(progress.outcomes)} + lag {progress.lag:,}"


def _picture(moment: Moment) -> RenderableType:
    body = Group(_bars(moment), Text(), _figures(moment), Text(), _ticker(moment))
    title = f"a casino evening, {moment.seconds:.0f} s"
    return Panel(body, title=title, box=box.ROUNDED, width=_WIDTH, padding=(0, 2))


def _bars(moment: Moment) -> Table:
    table = Table.grid(padding=(0, 2))
    progress = moment.progress
    for name, count, style in (
        ("published", progress.published, "cyan"),
        ("processed", progress.processed, "green"),
    ):
        bar = ProgressBar(
            moment.total, count, width=_BAR_WIDTH, complete_style=style, finished_style=style
        )
        table.add_row(name, bar, Text(f"{count:,} of {moment.total:,}", justify="right"))
    return table


def _figures(moment: Moment) -> Table:
    progress = moment.progress
    topics = (progress.slips, progress.promotions)
    outcomes = Table.grid(padding=(0, 2))
    outcomes.add_column(min_width=14)
    for _ in topics:
        outcomes.add_column(justify="right", min_width=len(WorkerState.JOINING))
    outcomes.add_row("", "slips", "awards", style="dim")
    for outcome in Outcome:
        outcomes.add_row(WORDS[outcome], *(f"{of.outcomes.get(outcome, 0):,}" for of in topics))
    outcomes.add_row("lag", *(f"{of.lag:,}" for of in topics), style=_waits(progress.lag))
    outcomes.add_row("= published", *(f"{of.published:,}" for of in topics))
    waiting = progress.promotions.waiting
    outcomes.add_row("still parked", "", f"{waiting:,}", style=_waits(waiting))
    outcomes.add_row("points", *(f"{of.points:,}" for of in topics), style="bold")
    outcomes.add_row("worker", Text(moment.worker, style=_STYLES[moment.worker]))
    letters = Table.grid(padding=(0, 2))
    letters.add_column(min_width=26)
    letters.add_column(justify="right")
    letters.add_row(Text("dead letters by reason", style="dim"))
    for reason, count in progress.letters.items():
        letters.add_row(reason, f"{count:,}")
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(outcomes, letters)
    return side_by_side


def _waits(count: int) -> str:
    return "yellow" if count else ""


def _ticker(moment: Moment) -> Table:
    table = Table.grid(padding=(0, 2))
    for news in moment.news:
        table.add_row(Text(f"{news.at:%H:%M:%S}", style="dim"), *_cells(news))
    for _ in range(NEWS_LINES - len(moment.news)):
        table.add_row("")
    return table


def _cells(news: News) -> tuple[Text, Text, Text]:
    casino = Text(news.casino or "unknown casino")
    if news.reason is not None:
        return casino, Text("dead letter", style="red"), Text(news.reason, style="red")
    given_for = f"{news.game}, table {str(news.table_id)[:4]}"
    if news.campaign_id is not None:
        given_for = f"campaign {news.campaign_id}"
    return casino, Text(given_for), Text(f"+{news.points:,} points", style="green")
