import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rich.console import Console
from typer.testing import CliRunner

from loyalty_worker.cli.main import app
from loyalty_worker.demo import run
from loyalty_worker.demo.books import News
from loyalty_worker.demo.report import print_report
from loyalty_worker.demo.statement import Statement
from loyalty_worker.demo.view import Moment, live_view, plain_view
from loyalty_worker.demo.worker import WorkerState
from reckonings import ENDLESS, ROUNDED, WHOLE, evidence, report

SPOILT = replace(evidence(), drift=2)
NEWS = [
    News(
        at=datetime(2026, 3, 14, 22, 30, tzinfo=UTC),
        casino="Harbour House",
        game="craps",
        table_id=UUID("1be1cafe-0000-4000-8000-000000000000"),
        points=1955,
        reason=None,
    ),
    News(
        at=datetime(2026, 3, 14, 22, 29, tzinfo=UTC),
        casino=None,
        game=None,
        table_id=None,
        points=None,
        reason="EVENT_ID_MISSING",
    ),
]


def moment(seconds: float = 3.0, worker: WorkerState = WorkerState.JOINING) -> Moment:
    return Moment(seconds, 12, evidence().progress, worker, NEWS)


def test_the_entry_that_was_rounded_and_can_be_written_in_full_is_spelled_out() -> None:
    assert Statement("X", [WHOLE, ENDLESS, ROUNDED]).telling_line == ROUNDED
    assert Statement("X", [WHOLE, ENDLESS]).telling_line == ENDLESS
    assert Statement("X", [WHOLE]).telling_line == WHOLE


def test_an_entry_whose_arithmetic_does_not_give_its_points_fails_the_reckoning() -> None:
    wrong = replace(ROUNDED, arithmetic=replace(ROUNDED.arithmetic, holds=False))
    spoilt = replace(report(evidence()), statement=Statement("X", [wrong]))
    assert [check.text for check in spoilt.failed] == [
        "entry 2: bet 50 = theo 26.25; × 10 = 262.5 → 263 points, rounded half away from zero"
    ]


def test_the_report_marks_each_line_and_ends_with_the_verdict() -> None:
    output = io.StringIO()
    print_report(Console(file=output, width=120, markup=False), report(evidence()))
    lines = output.getvalue().splitlines()
    assert "  ✓ published 7 = accrued 3 + duplicate 1 + skipped 1 + dead-lettered 2" in lines
    assert "  ✓ drift 0" in lines
    assert "  ✓ entry 2: bet 50 = theo 26.25; × 10 = 262.5 → 263 points" in output.getvalue()
    assert "✗" not in output.getvalue()
    assert '  loyalty_points_total{reason="base_accrual"} 14228625' in lines
    assert '  loyalty_record_to_commit_seconds_bucket{le="30.0",source="live"} 7' in lines
    assert 'le="10.0"' not in output.getvalue()
    assert lines[-1].startswith("The reckoning holds")


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--json"]])
def test_a_reckoning_that_does_not_hold_is_exit_status_3_and_names_the_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "run_demo", lambda *_: report(SPOILT))
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3
    if "--json" in arguments:
        document = json.loads(result.stdout)
        assert document["holds"] is False
        wrong = [check["text"] for check in document["checks"] if not check["holds"]]
        assert wrong == ["drift 2"]
    else:
        assert result.stdout.splitlines()[-1] == "The reckoning does NOT hold: drift 2"


def test_a_ledger_without_entries_and_a_silent_worker_are_reported_too() -> None:
    output = io.StringIO()
    empty = replace(report(SPOILT), statement=None, metrics="")
    print_report(Console(file=output, width=120, markup=False), empty)
    assert "nothing: it did not answer" in output.getvalue()
    assert "Statement" not in output.getvalue()


def test_the_live_picture_shows_every_figure_and_what_has_just_happened() -> None:
    output = io.StringIO()
    console = Console(file=output, width=120, force_terminal=True, color_system=None)
    with live_view(console) as show:
        show(moment())
    picture = output.getvalue()
    for shown in (
        *("7 of 12", "2,367", "joining the group", "EVENT_UNDECODABLE", "LOYALTY_FACTS_CONFLICT"),
        *("Harbour House", "craps, table 1be1 ", "+1,955 points"),
        *("unknown casino", "EVENT_ID_MISSING"),
    ):
        assert shown in picture


def test_plain_lines_come_once_a_second_whatever_happens_between() -> None:
    output = io.StringIO()
    with plain_view(Console(file=output, width=250)) as show:
        for seconds in (0.0, 0.5, 0.9, 1.0, 1.9):
            show(moment(seconds, WorkerState.READY))
    first, second = output.getvalue().splitlines()
    assert first == (
        "  0.0 s  published 7  processed 7  accrued 3  duplicate 1  skipped 1  dead-lettered 2"
        "  points 2,367  lag 0  worker ready"
    )
    assert second.startswith("  1.0 s")
