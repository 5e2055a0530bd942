"""An evening's evidence that holds, for tests that spoil it."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from loyalty_worker.demo.books import Progress
from loyalty_worker.demo.drift_check import CheckedBalances
from loyalty_worker.demo.reckoning import Evidence
from loyalty_worker.demo.report import Report
from loyalty_worker.demo.statement import Line, Statement
from loyalty_worker.demo.tally import Expected, Tally
from loyalty_worker.demo.topic_reckoning import TopicEvidence
from loyalty_worker.domain.arithmetic import Arithmetic
from loyalty_worker.domain.outcomes import Outcome

ANN = (UUID(int=1), UUID(int=2))
BEN = (UUID(int=1), UUID(int=3))

ROUNDED = Line(
    entry_no=2,
    closed_at=datetime(2026, 3, 14, 22, 30, tzinfo=UTC),
    game="blackjack",
    points=263,
    balance_after=2363,
    arithmetic=Arithmetic("bet 50 = theo 26.25; × 10 = 262.5 → 263", holds=True),
)
WHOLE = replace(
    ROUNDED, entry_no=1, arithmetic=Arithmetic("bet 100 = theo 210; × 10 = 2100", holds=True)
)
ENDLESS = replace(
    ROUNDED, entry_no=3, arithmetic=Arithmetic("theo 0.204166…; × 1 = 0.204166… → 0", holds=True)
)

METRICS = """\
# TYPE loyalty_ready gauge
loyalty_ready 1.0
# TYPE loyalty_points counter
loyalty_points_total{reason="base_accrual"} 1.4228625e+07
# TYPE loyalty_record_to_commit_seconds histogram
loyalty_record_to_commit_seconds_bucket{le="10.0",source="live"} 6.0
loyalty_record_to_commit_seconds_bucket{le="30.0",source="live"} 7.0
loyalty_record_to_commit_seconds_bucket{le="+Inf",source="live"} 7.0
loyalty_record_to_commit_seconds_count{source="live"} 7.0
loyalty_record_to_commit_seconds_sum{source="live"} 20.0
"""


def evidence() -> Evidence:
    """Return the evidence of seven slips, and no award, that were processed as they should be."""
    tally = Tally()
    for expected in (
        Expected(Outcome.ACCRUED, account=ANN, points=2100),
        Expected(Outcome.ACCRUED, account=ANN, points=263),
        Expected(Outcome.ACCRUED, account=BEN, points=4),
        Expected(Outcome.DUPLICATE),
        Expected(Outcome.SKIPPED),
        Expected(Outcome.DEAD_LETTERED, "EVENT_UNDECODABLE"),
        Expected(Outcome.DEAD_LETTERED, "LOYALTY_FACTS_CONFLICT"),
    ):
        tally.add(expected)
    progress = Progress(
        published=7,
        processed=7,
        outcomes={
            Outcome.ACCRUED: 3,
            Outcome.DUPLICATE: 1,
            Outcome.SKIPPED: 1,
            Outcome.DEAD_LETTERED: 2,
        },
        letters={"EVENT_UNDECODABLE": 1, "LOYALTY_FACTS_CONFLICT": 1},
        entries=3,
        points=2367,
    )
    return Evidence(
        slips=TopicEvidence(tally, {0: 4, 1: 3, 2: 0}, {0: 4, 1: 3}, progress),
        promotions=TopicEvidence(),
        balances=Counter({ANN: 2363, BEN: 4}),
        drift=0,
        checked=CheckedBalances("clean", players_checked=2, entries_checked=3),
        exit_status=0,
    )


def report(of: Evidence) -> Report:
    """Return the report on evidence."""
    statement = Statement("Harbour House", [WHOLE, ROUNDED, ENDLESS])
    return Report(of, statement, "http://127.0.0.1:9464/metrics", METRICS)
