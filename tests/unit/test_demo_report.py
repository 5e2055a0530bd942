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
from loyalty_worker.demo.books import EveningProgress, Progress
from loyalty_worker.demo.document import as_document
from loyalty_worker.demo.news import News
from loyalty_worker.demo.report import print_report
from loyalty_worker.demo.statement import Statement
from loyalty_worker.demo.topic_reckoning import TopicEvidence
from loyalty_worker.demo.view import Moment, live_view, plain_view
from loyalty_worker.demo.worker import WorkerState
from loyalty_worker.domain.arithmetic import Arithmetic
from loyalty_worker.domain.outcomes import Outcome
from reckonings import ENDLESS, ROUNDED, WHOLE, evidence, report

SPOILT = replace(evidence(), drift=2)
NEWS = [
    News(
        at=datetime(2026, 3, 14, 22, 30, tzinfo=UTC),
        casino="Harbour House",
        game="craps",
        table_id=UUID("1be1cafe-0000-4000-8000-000000000000"),
        campaign_id=None,
        points=1955,
        reason=None,
    ),
    News(
        at=datetime(2026, 3, 14, 22, 30, tzinfo=UTC),
        casino="Lotus Palace",
        game="craps",
        table_id=UUID("1be1cafe-0000-4000-8000-000000000000"),
        campaign_id="late-night",
        points=50,
        reason=None,
    ),
    News(
        at=datetime(2026, 3, 14, 22, 29, tzinfo=UTC),
        casino=None,
        game=None,
        table_id=None,
        campaign_id=None,
        points=None,
        reason="EVENT_ID_MISSING",
    ),
]

AWARDS = Progress(
    published=5,
    processed=4,
    outcomes={Outcome.ACCRUED: 1, Outcome.PARKED: 2, Outcome.DEAD_LETTERED: 1},
    released={Outcome.ACCRUED: 1},
    waiting=1,
    letters={"EVENT_UNDECODABLE": 1},
    entries=2,
    points=313,
)
PROMOTION = replace(
    ROUNDED,
    entry_no=4,
    points=50,
    campaign_id="late-night",
    arithmetic=Arithmetic("bonus 50", holds=True),
)


def moment(seconds: float = 3.0, worker: WorkerState = WorkerState.JOINING) -> Moment:
    return Moment(seconds, 15, EveningProgress(evidence().slips.progress, AWARDS), worker, NEWS)


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
    assert (
        "  ✓ rating-slip-closed: published 7"
        " = accrued 3 + duplicate 1 + skipped 1 + parked 0 + dead-lettered 2"
    ) in lines
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


def test_the_document_has_each_topic_and_the_points_and_dead_letters_of_both() -> None:
    of = replace(evidence(), promotions=TopicEvidence(progress=AWARDS))
    document = json.loads(json.dumps(as_document(report(of))))
    assert document["published"] == 12
    assert document["topics"]["rating-slip-closed"]["points"] == 2367
    assert document["topics"]["promotion"] == {
        "published": 5,
        "outcomes": {"accrued": 1, "parked": 2, "dead_lettered": 1},
        "released": {"accrued": 1},
        "waiting": 1,
        "points": 313,
    }
    assert document["points"] == 2680
    assert document["dead_letters_by_reason"] == {
        "EVENT_UNDECODABLE": 2,
        "LOYALTY_FACTS_CONFLICT": 1,
    }


def test_a_ledger_without_entries_and_a_silent_worker_are_reported_too() -> None:
    output = io.StringIO()
    empty = replace(report(SPOILT), statement=None, metrics="")
    print_report(Console(file=output, width=120, markup=False), empty)
    assert "nothing: it did not answer" in output.getvalue()
    assert "Statement" not in output.getvalue()


def test_a_record_of_either_topic_that_is_not_processed_yet_is_a_lag_of_the_evening() -> None:
    slips = evidence().slips.progress
    assert EveningProgress(slips, AWARDS).lag == 1
    assert EveningProgress(replace(slips, processed=5), AWARDS).lag == 3


def test_the_live_picture_shows_every_figure_and_what_has_just_happened() -> None:
    output = io.StringIO()
    console = Console(file=output, width=120, force_terminal=True, color_system=None)
    with live_view(console) as show:
        show(moment())
    picture = output.getvalue()
    for shown in (
        *(
            "12 of 15",
            "11 of 15",
            "2,367",
            "313",
            "joining the group",
            "EVENT_UNDECODABLE",
            "LOYALTY_FACTS_CONFLICT",
        ),
        *("Harbour House", "craps, table 1be1 ", "+1,955 points"),
        *("Lotus Palace", "campaign late-night", "+50 points"),
        *("unknown casino", "EVENT_ID_MISSING"),
    ):
        assert shown in picture


def test_plain_lines_come_every_two_seconds_and_account_for_each_topic() -> None:
    output = io.StringIO()
    with plain_view(Console(file=output, width=250)) as show:
        for seconds in (0.0, 0.5, 1.9, 2.0, 3.9):
            show(moment(seconds, WorkerState.READY))
    slips, awards, *later = output.getvalue().splitlines()
    assert slips == (
        "  0.0 s  slips: published 7"
        " = accrued 3 + duplicate 1 + skipped 1 + parked 0 + dead-lettered 2 + lag 0"
        "; worker ready, 2,680 points"
    )
    assert awards == (
        "        awards: published 5"
        " = accrued 1 + duplicate 0 + skipped 0 + parked 2 + dead-lettered 1 + lag 1"
        "; still parked 1"
    )
    assert [line[:7] for line in later] == ["  2.0 s", "       "]


def test_a_statement_names_the_game_of_a_base_entry_and_the_campaign_of_a_promotion() -> None:
    output = io.StringIO()
    of = replace(report(evidence()), statement=Statement("X", [PROMOTION, ROUNDED]))
    print_report(Console(file=output, width=120, markup=False), of)
    rows = [line.split() for line in output.getvalue().splitlines() if "2026-03-14" in line]
    assert [row[3:-2] for row in rows] == [["campaign", "late-night"], ["blackjack"]]
    assert "✓ entry 2: bet 50 =" in output.getvalue()
