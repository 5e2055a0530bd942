"""The end of a demonstration, printed to be checked by eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loyalty_worker.demo.reckoning import Evidence, reckon
from loyalty_worker.demo.statement import Line, Statement
from loyalty_worker.demo.topic_reckoning import Check

_EVENTS: Final = "loyalty_events_total"
_TOLD: Final = (
    "loyalty_ready",
    _EVENTS,
    "loyalty_points_total",
    "loyalty_consumer_redelivered_records_total",
    "loyalty_record_to_commit_seconds_bucket",
    "loyalty_record_to_commit_seconds_count",
)
_SERVICE_LEVEL_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Report:
    """What a demonstration has come to; `metrics` is the worker's last page, before its end."""

    evidence: Evidence
    statement: Statement | None
    metrics_url: str
    metrics: str

    @cached_property
    def checks(self) -> Sequence[Check]:
        """Every line of the reckoning."""
        return reckon(self.evidence)

    @cached_property
    def arithmetic(self) -> Check | None:
        """One entry's arithmetic, spelled out; None for an empty ledger."""
        if self.statement is None:
            return None
        line = self.statement.telling_line
        rounding = ", rounded half away from zero" if "→" in line.arithmetic.text else ""
        return Check(
            f"entry {line.entry_no}: {line.arithmetic.text} points{rounding}",
            line.arithmetic.holds,
        )

    @property
    def failed(self) -> Sequence[Check]:
        """What does not hold."""
        checks = [*self.checks, *([] if self.arithmetic is None else [self.arithmetic])]
        return [check for check in checks if not check.holds]

    @property
    def verdict(self) -> str:
        """The last line."""
        if not self.failed:
            return "The reckoning holds: every record is accounted for, every point is right."
        broken = "; ".join(check.text for check in self.failed)
        return f"The reckoning does NOT hold: {broken}"


def print_report(console: Console, report: Report) -> None:
    """Print everything, the verdict last."""
    console.print(_heading("Reckoning"))
    for check in report.checks:
        console.print(_marked(check))
    console.print(_heading("Dead letters by reason"))
    for reason, count in report.evidence.evening.letters.items():
        console.print(f"  {count:>5}  {reason}")
    if report.statement is not None and report.arithmetic is not None:
        title = f"Statement of one player at {report.statement.casino}, newest entry first"
        console.print(_heading(title))
        console.print(_table(report.statement.lines))
        console.print(_marked(report.arithmetic))
    console.print(
        _heading(f"/metrics was at {report.metrics_url}, until the worker ended; it said")
    )
    for sample in told_samples(report.metrics) or ["nothing: it did not answer"]:
        console.print(f"  {sample}")
    console.print()
    console.print(Text(report.verdict, "bold red" if report.failed else "bold green"))


def told_samples(metrics: str) -> list[str]:
    """Return some telling samples, as the page shows them."""
    return [
        _sample(sample)
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name in _TOLD and _tells(sample)
    ]


def _tells(sample: Sample) -> bool:
    if sample.name == _EVENTS:
        return sample.value > 0
    return float(sample.labels.get("le", _SERVICE_LEVEL_SECONDS)) == _SERVICE_LEVEL_SECONDS


def _sample(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
    return f"{sample.name}{f'{{{labels}}}' if labels else ''} {sample.value:.15g}"


def _marked(check: Check) -> Text:
    mark = Text("✓ ", "green") if check.holds else Text("✗ ", "bold red")
    return Text("  ").append(mark).append(check.text)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _table(lines: Sequence[Line]) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="bold")
    for column in ("entry", "at", "for"):
        table.add_column(column)
    for column in ("points", "balance after"):
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(
            str(line.entry_no),
            f"{line.closed_at:%Y-%m-%d %H:%M:%S}",
            line.game if line.campaign_id is None else f"campaign {line.campaign_id}",
            f"+{line.points:,}",
            f"{line.balance_after:,}",
        )
    return table
