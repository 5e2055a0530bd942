"""The reckoning: broker, database and the reference beside the generator must say the same."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from loyalty_worker.demo.books import EveningProgress
from loyalty_worker.demo.drift_check import CheckedBalances
from loyalty_worker.demo.stage import PROMOTIONS, TOPIC
from loyalty_worker.demo.tally import Account
from loyalty_worker.demo.topic_reckoning import Check, TopicEvidence, records, waited
from loyalty_worker.domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is compared.

    `balances` and `drift` are the database's; `checked` is what the worker published of a drift
    check that was asked for, None where nothing came; `exit_status` is the worker's after SIGTERM.
    """

    slips: TopicEvidence
    promotions: TopicEvidence
    balances: Counter[Account]
    drift: int
    checked: CheckedBalances | None
    exit_status: int

    @property
    def evening(self) -> EveningProgress:
        """How far both topics are."""
        return EveningProgress(self.slips.progress, self.promotions.progress)


def reckon(evidence: Evidence) -> list[Check]:
    """Return every line of the reckoning, whether it holds or not."""
    return [
        *records(TOPIC, evidence.slips),
        *records(PROMOTIONS, evidence.promotions),
        waited(PROMOTIONS, evidence.promotions.progress),
        *_points(evidence),
        *_balances(evidence),
        Check(
            f"the worker's exit status after SIGTERM {evidence.exit_status}",
            evidence.exit_status == 0,
        ),
    ]


def _points(evidence: Evidence) -> Iterator[Check]:
    for name, of in (("base", evidence.slips), ("promotion", evidence.promotions)):
        entries, accrued = of.progress.entries, of.progress.final(Outcome.ACCRUED)
        yield Check(
            f"{name} entries in the ledger {entries:,} = accrued {accrued:,}; their points"
            f" {of.progress.points:,} = expected by the reference {of.tally.points:,}",
            entries == accrued and of.progress.points == of.tally.points,
        )
    points, balances = evidence.evening.points, evidence.balances.total()
    yield Check(
        f"base and promotion points {points:,} = sum of the balances {balances:,}",
        points == balances,
    )


def _balances(evidence: Evidence) -> Iterator[Check]:
    # update() keeps the players whose slips gave no point, "+" drops them.
    expected = Counter(evidence.slips.tally.balances)
    expected.update(evidence.promotions.tally.balances)
    same = sum(evidence.balances[account] == points for account, points in expected.items())
    yield Check(
        f"balances as expected {same:,} = players in the ledger {len(evidence.balances):,}",
        dict(evidence.balances) == dict(expected),
    )
    yield Check(f"drift {evidence.drift}", evidence.drift == 0)
    checked = evidence.checked
    if checked is None:
        yield Check("a drift check was asked for, and nothing was published", holds=False)
        return
    yield Check(
        f"drift check published by the worker: {checked.verdict},"
        f" {checked.entries_checked:,} entries of {checked.players_checked:,} players",
        checked.verdict == "clean"
        and checked.entries_checked == evidence.evening.entries
        and checked.players_checked == len(evidence.balances),
    )
