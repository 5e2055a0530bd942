"""The reckoning: broker, database and the reference beside the generator must say the same."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from loyalty_worker.demo.books import OUTCOMES, Progress
from loyalty_worker.demo.drift_check import CheckedBalances
from loyalty_worker.demo.tally import Account, Tally
from loyalty_worker.domain.outcomes import Outcome

WORDS: Final = {outcome: outcome.value.replace("_", "-") for outcome in OUTCOMES}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is compared.

    `tally` is what the generator expects, by exact arithmetic in Python; `ends` and `committed`
    are the broker's, by partition; the rest is the database's, but for `exit_status`, the
    worker's after SIGTERM. `checked` is what the worker published of a drift check that was asked
    for, None where nothing came.
    """

    tally: Tally
    ends: Mapping[int, int]
    committed: Mapping[int, int]
    progress: Progress
    balances: Counter[Account]
    drift: int
    checked: CheckedBalances | None
    exit_status: int


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the reckoning."""

    text: str
    holds: bool


def reckon(evidence: Evidence) -> list[Check]:
    """Return every line of the reckoning, whether it holds or not."""
    return [*_records(evidence), *_points(evidence), *_worker(evidence)]


def _records(evidence: Evidence) -> Iterator[Check]:
    tally, progress = evidence.tally, evidence.progress
    published = sum(evidence.ends.values())
    counts = {outcome: progress.outcomes[outcome] for outcome in OUTCOMES}
    parts = " + ".join(f"{WORDS[outcome]} {count:,}" for outcome, count in counts.items())
    yield Check(f"published {published:,} = {parts}", published == sum(counts.values()))
    yield Check(
        f"published by the broker's end offsets {published:,}"
        f" = confirmed to the publisher {tally.published:,}",
        published == tally.published,
    )
    yield Check(
        f"processed by the worker's position {progress.processed:,} = published {published:,}",
        progress.processed == published,
    )
    for outcome, count in counts.items():
        expected = tally.outcomes[outcome]
        yield Check(
            f"{WORDS[outcome]} {count:,} = expected by the reference {expected:,}",
            count == expected,
        )
    letters = sum(progress.letters.values())
    dead = counts[Outcome.DEAD_LETTERED]
    yield Check(
        f"dead letters kept {letters:,} = dead-lettered {dead:,}, each reason as expected",
        letters == dead and dict(progress.letters) == dict(tally.reasons),
    )


def _points(evidence: Evidence) -> Iterator[Check]:
    tally, progress = evidence.tally, evidence.progress
    accrued = progress.outcomes[Outcome.ACCRUED]
    yield Check(
        f"ledger entries {progress.entries:,} = accrued {accrued:,}", progress.entries == accrued
    )
    balances = sum(evidence.balances.values())
    yield Check(
        f"points minted {progress.points:,} = sum of the balances {balances:,}"
        f" = expected by the reference {tally.points:,}",
        progress.points == balances == tally.points,
    )
    same = sum(evidence.balances[account] == points for account, points in tally.balances.items())
    yield Check(
        f"balances as expected {same:,} = players in the ledger {len(evidence.balances):,}",
        dict(evidence.balances) == dict(tally.balances),
    )
    yield Check(f"drift {evidence.drift}", evidence.drift == 0)
    yield _published_check(evidence)


def _published_check(evidence: Evidence) -> Check:
    checked, progress = evidence.checked, evidence.progress
    if checked is None:
        return Check("a drift check was asked for, and nothing was published", holds=False)
    return Check(
        f"drift check published by the worker: {checked.verdict},"
        f" {checked.entries_checked:,} entries of {checked.players_checked:,} players",
        checked.verdict == "clean"
        and checked.entries_checked == progress.entries
        and checked.players_checked == len(evidence.balances),
    )


def _worker(evidence: Evidence) -> Iterator[Check]:
    committed, ends = Counter(evidence.committed), Counter(evidence.ends)
    yield Check(
        f"committed offsets {committed.total():,} = end offsets {ends.total():,},"
        " in each partition",
        committed == ends,
    )
    yield Check(
        f"the worker's exit status after SIGTERM {evidence.exit_status}",
        evidence.exit_status == 0,
    )
