from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from loyalty_worker.demo.drift_check import CheckedBalances
from loyalty_worker.demo.reckoning import Evidence, reckon
from loyalty_worker.domain.outcomes import Outcome
from reckonings import ANN, BEN, evidence

Spoil = Callable[[Evidence], Evidence]


def failed(of: Evidence) -> list[str]:
    return [check.text for check in reckon(of) if not check.holds]


def with_progress(**changes: object) -> Spoil:
    return lambda of: replace(of, progress=replace(of.progress, **changes))  # type: ignore[arg-type] # any field


def with_count(outcome: Outcome, count: int) -> Spoil:
    return lambda of: with_progress(outcomes={**of.progress.outcomes, outcome: count})(of)


def with_tally(attribute: str, value: object) -> Spoil:
    def spoil(of: Evidence) -> Evidence:
        setattr(of.tally, attribute, value)
        return of

    return spoil


def test_a_right_evening_holds_line_by_line_and_the_first_line_is_the_equation() -> None:
    checks = reckon(evidence())
    assert [check.text for check in checks if not check.holds] == []
    assert checks[0].text == "published 7 = accrued 3 + duplicate 1 + skipped 1 + dead-lettered 2"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda of: replace(of, ends={0: 4, 1: 4, 2: 0}),
        lambda of: replace(of, ends={0: 4, 1: 2, 2: 0}),
        lambda of: replace(of, committed={0: 3, 1: 3}),
        lambda of: replace(of, committed={0: 4}),
        lambda of: replace(of, committed={0: 3, 1: 4}),
        lambda of: replace(of, drift=1),
        lambda of: replace(of, checked=None),
        lambda of: replace(of, checked=CheckedBalances("drift", 2, 3)),
        lambda of: replace(of, checked=CheckedBalances("clean", 1, 3)),
        lambda of: replace(of, checked=CheckedBalances("clean", 2, 2)),
        lambda of: replace(of, exit_status=-9),
        lambda of: replace(of, balances=Counter({ANN: 2362, BEN: 4})),
        lambda of: replace(of, balances=Counter({ANN: 2362, BEN: 5})),
        lambda of: replace(of, balances=Counter({ANN: 2367})),
        with_progress(processed=6),
        with_progress(processed=8),
        with_progress(entries=2),
        with_progress(entries=4),
        with_progress(points=2366),
        with_progress(letters={"EVENT_UNDECODABLE": 1}),
        with_progress(letters={"EVENT_UNDECODABLE": 2}),
        with_progress(letters={"EVENT_UNDECODABLE": 1, "EVENT_ID_MISSING": 1}),
        *(with_count(outcome, 9) for outcome in evidence().progress.outcomes),
        *(with_count(outcome, 0) for outcome in evidence().progress.outcomes),
        with_tally("published", 6),
        with_tally("points", 2368),
        with_tally("balances", Counter({ANN: 2364, BEN: 3})),
        with_tally("reasons", Counter({"EVENT_UNDECODABLE": 2})),
        with_tally("outcomes", Counter()),
    ],
)
def test_any_one_number_that_is_off_fails_a_line(spoil: Spoil) -> None:
    assert failed(spoil(evidence()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda of: replace(of, ends={0: 4, 1: 4, 2: 0}),
        *(with_count(outcome, 9) for outcome in evidence().progress.outcomes),
    ],
)
def test_the_equation_itself_fails_when_one_of_its_numbers_is_off(spoil: Spoil) -> None:
    assert not reckon(spoil(evidence()))[0].holds


def test_outcomes_that_were_swapped_fail_though_their_sum_is_right() -> None:
    of = evidence()
    swapped = with_count(Outcome.DUPLICATE, 2)(with_count(Outcome.SKIPPED, 0)(of))
    assert failed(swapped) == [
        "duplicate 2 = expected by the reference 1",
        "skipped 0 = expected by the reference 1",
    ]
