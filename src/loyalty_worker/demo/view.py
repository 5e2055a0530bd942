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

from loyalty_worker.demo.books import OUTCOMES, News, Progress
from loyalty_worker.demo.reckoning import WORDS
from loyalty_worker.demo.worker import WorkerState

_PLAIN_SECONDS: Final = 1.0
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
    progress: Progress
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
    """Give what prints a line a second."""
    due = 0.0

    def show(moment: Moment) -> None:
        nonlocal due
        if moment.seconds >= due:
            due = moment.seconds + _PLAIN_SECONDS
            console.print(_line(moment))

    yield show


def _line(moment: Moment) -> str:
    progress = moment.progress
    outcomes = "  ".join(
        f"{WORDS[outcome]} {progress.outcomes.get(outcome, 0):,}" for outcome in OUTCOMES
    )
    return (
        f"{moment.seconds:5.1f} s  published {progress.published:,}"
        f"  processed {progress.processed:,}  {outcomes}"
        f"  points {progress.points:,}  lag {progress.lag:,}  worker {moment.worker}"
    )


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
    outcomes = Table.grid(padding=(0, 2))
    outcomes.add_column(min_width=13)
    outcomes.add_column(justify="right", min_width=len(WorkerState.JOINING))
    for outcome in OUTCOMES:
        outcomes.add_row(WORDS[outcome], f"{progress.outcomes.get(outcome, 0):,}")
    outcomes.add_row("points", f"{progress.points:,}", style="bold")
    outcomes.add_row("lag", f"{progress.lag:,}", style="yellow" if progress.lag else "")
    outcomes.add_row("worker", Text(moment.worker, style=_STYLES[moment.worker]))
    letters = Table.grid(padding=(0, 2))
    letters.add_column(min_width=26)
    letters.add_column(justify="right")
    letters.add_row(Text("dead letters by reason", style="dim"))
    for reason, count in sorted(progress.letters.items()):
        letters.add_row(reason, f"{count:,}")
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(outcomes, letters)
    return side_by_side


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
    table = Text(f"{news.game}, table {str(news.table_id)[:4]}")
    return casino, table, Text(f"+{news.points:,} points", style="green")
