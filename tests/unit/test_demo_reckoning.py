from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

import reckonings
from loyalty_worker.demo.books import Progress
from loyalty_worker.demo.drift_check import CheckedBalances
from loyalty_worker.demo.reckoning import Evidence, reckon
from loyalty_worker.demo.tally import Expected, Tally
from loyalty_worker.demo.topic_reckoning import TopicEvidence
from loyalty_worker.domain.outcomes import Outcome
from reckonings import ANN, BEN

Spoil = Callable[[Evidence], Evidence]
SpoilTopic = Callable[[TopicEvidence], TopicEvidence]


def awards() -> TopicEvidence:
    """Return the evidence of seven awards; three of them came before their slip."""
    tally = Tally()
    for expected in (
        Expected(Outcome.ACCRUED, account=ANN, points=50),
        Expected(Outcome.ACCRUED, account=ANN, points=263, early=True),
        Expected(Outcome.ACCRUED, account=BEN, points=4, early=True),
        Expected(Outcome.DUPLICATE),
        Expected(Outcome.SKIPPED),
        Expected(Outcome.SKIPPED, early=True),
        Expected(Outcome.DEAD_LETTERED, "LOYALTY_PROMOTION_INVALID"),
    ):
        tally.add(expected)
    progress = Progress(
        published=7,
        processed=7,
        outcomes={
            Outcome.ACCRUED: 1,
            Outcome.DUPLICATE: 1,
            Outcome.SKIPPED: 1,
            Outcome.PARKED: 3,
            Outcome.DEAD_LETTERED: 1,
        },
        released={Outcome.ACCRUED: 2, Outcome.SKIPPED: 1},
        letters={"LOYALTY_PROMOTION_INVALID": 1},
        entries=3,
        points=317,
    )
    return TopicEvidence(tally, ends={0: 5, 1: 2}, committed={0: 5, 1: 2}, progress=progress)


def evidence() -> Evidence:
    """Return the evidence of slips and awards that were processed as they should be."""
    return replace(
        reckonings.evidence(),
        promotions=awards(),
        balances=Counter({ANN: 2676, BEN: 8}),
        checked=CheckedBalances("clean", players_checked=2, entries_checked=6),
    )


def failed(of: Evidence) -> list[str]:
    return [check.text for check in reckon(of) if not check.holds]


def with_progress(**changes: object) -> SpoilTopic:
    return lambda of: replace(of, progress=replace(of.progress, **changes))  # type: ignore[arg-type] # any field


def with_count(outcome: Outcome, count: int) -> SpoilTopic:
    return lambda of: with_progress(outcomes={**of.progress.outcomes, outcome: count})(of)


def with_tally(attribute: str, value: object) -> SpoilTopic:
    def spoil(of: TopicEvidence) -> TopicEvidence:
        setattr(of.tally, attribute, value)
        return of

    return spoil


def of_slips(spoil: SpoilTopic) -> Spoil:
    return lambda of: replace(of, slips=spoil(of.slips))


def of_awards(spoil: SpoilTopic) -> Spoil:
    return lambda of: replace(of, promotions=spoil(of.promotions))


def test_a_right_evening_holds_line_by_line_and_each_topic_has_its_equation() -> None:
    checks = reckon(evidence())
    assert [check.text for check in checks if not check.holds] == []
    published = [check.text for check in checks if ": published " in check.text]
    assert published == [
        (
            "rating-slip-closed: published 7"
            " = accrued 3 + duplicate 1 + skipped 1 + parked 0 + dead-lettered 2"
        ),
        "promotion: published 7 = accrued 1 + duplicate 1 + skipped 1 + parked 3 + dead-lettered 1",
    ]
    assert checks[0].text == published[0]


SPOILT_AWARDS: list[SpoilTopic] = [
    lambda of: replace(of, ends={0: 5, 1: 3}),
    lambda of: replace(of, committed={0: 5, 1: 1}),
    lambda of: replace(of, committed={0: 4, 1: 3}),
    with_progress(processed=6),
    with_progress(entries=2),
    with_progress(points=316),
    with_progress(letters={}),
    with_progress(letters={"EVENT_SCHEMA_INVALID": 1}),
    with_progress(waiting=1),
    with_progress(released={Outcome.ACCRUED: 2}),
    with_progress(released={Outcome.ACCRUED: 2, Outcome.DUPLICATE: 1}),
    *(with_count(outcome, 9) for outcome in awards().progress.outcomes),
    *(with_count(outcome, 0) for outcome in awards().progress.outcomes),
    with_tally("published", 6),
    with_tally("points", 318),
    with_tally("balances", Counter({ANN: 312, BEN: 5})),
    with_tally("reasons", Counter()),
    with_tally("outcomes", Counter()),
]


SPOILT_SLIPS: list[SpoilTopic] = [
    lambda of: replace(of, ends={0: 4, 1: 4, 2: 0}),
    lambda of: replace(of, ends={0: 4, 1: 2, 2: 0}),
    lambda of: replace(of, committed={0: 3, 1: 3}),
    lambda of: replace(of, committed={0: 4}),
    lambda of: replace(of, committed={0: 3, 1: 4}),
    with_progress(processed=6),
    with_progress(processed=8),
    with_progress(entries=2),
    with_progress(entries=4),
    with_progress(points=2366),
    with_progress(letters={"EVENT_UNDECODABLE": 1}),
    with_progress(letters={"EVENT_UNDECODABLE": 2}),
    with_progress(letters={"EVENT_UNDECODABLE": 1, "EVENT_ID_MISSING": 1}),
    *(with_count(outcome, 9) for outcome in evidence().slips.progress.outcomes),
    *(with_count(outcome, 0) for outcome in evidence().slips.progress.outcomes),
    with_tally("published", 6),
    with_tally("points", 2368),
    with_tally("balances", Counter({ANN: 2364, BEN: 3})),
    with_tally("reasons", Counter({"EVENT_UNDECODABLE": 2})),
    with_tally("outcomes", Counter()),
]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda of: replace(of, drift=1),
        lambda of: replace(of, checked=None),
        lambda of: replace(of, checked=CheckedBalances("drift", 2, 6)),
        lambda of: replace(of, checked=CheckedBalances("clean", 1, 6)),
        lambda of: replace(of, checked=CheckedBalances("clean", 2, 3)),
        lambda of: replace(of, exit_status=-9),
        lambda of: replace(of, balances=Counter({ANN: 2675, BEN: 8})),
        lambda of: replace(of, balances=Counter({ANN: 2675, BEN: 9})),
        lambda of: replace(of, balances=Counter({ANN: 2684})),
        *map(of_slips, SPOILT_SLIPS),
        *map(of_awards, SPOILT_AWARDS),
    ],
)
def test_any_one_number_that_is_off_fails_a_line(spoil: Spoil) -> None:
    assert failed(spoil(evidence()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda of: replace(of, ends={0: 4, 1: 4, 2: 0}),
        *(with_count(outcome, 9) for outcome in evidence().slips.progress.outcomes),
    ],
)
def test_the_equation_itself_fails_when_one_of_its_numbers_is_off(spoil: SpoilTopic) -> None:
    assert not reckon(of_slips(spoil)(evidence()))[0].holds


def test_an_equation_of_awards_fails_when_one_of_its_numbers_is_off() -> None:
    for outcome in awards().progress.outcomes:
        wrong = failed(of_awards(with_count(outcome, 9))(evidence()))
        assert wrong[0].startswith("promotion: published 7 = "), outcome


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (
            of_slips(with_count(Outcome.DEAD_LETTERED, 9)),
            "rating-slip-closed: dead letters kept 2 = ",
        ),
        (
            of_awards(with_count(Outcome.DEAD_LETTERED, 9)),
            "promotion: dead letters kept 1 = dead-lettered 9,",
        ),
        (of_awards(with_progress(processed=6)), "promotion: end offsets 7 = "),
        (
            of_awards(lambda of: replace(of, committed={0: 4, 1: 3})),
            "promotion: committed offsets 7 = end offsets 7,",
        ),
        (of_slips(with_progress(entries=2)), "base entries in the ledger 2 = accrued 3;"),
        (of_awards(with_progress(entries=2)), "promotion entries in the ledger 2 = accrued 3;"),
        (
            lambda of: replace(of, balances=Counter({ANN: 2675, BEN: 8})),
            "base and promotion points 2,684 = sum of the balances 2,683",
        ),
    ],
)
def test_the_line_that_tells_of_a_number_fails_where_that_number_is_off(
    spoil: Spoil, line: str
) -> None:
    assert [text for text in failed(spoil(evidence())) if text.startswith(line)]


def test_outcomes_that_were_swapped_fail_though_their_sum_is_right() -> None:
    one_less = of_slips(with_count(Outcome.SKIPPED, 0))(evidence())
    assert failed(of_slips(with_count(Outcome.DUPLICATE, 2))(one_less)) == [
        (
            "rating-slip-closed: in the end accrued 3 + duplicate 2 + skipped 0 + dead-lettered 2"
            " = expected by the reference 3 + 1 + 1 + 2"
        )
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"waiting": 1},
            "accrued 2 + duplicate 0 + skipped 1 + dead-lettered 0 later; still waiting 1",
        ),
        (
            {"waiting": 1, "released": {Outcome.ACCRUED: 2}},
            "accrued 2 + duplicate 0 + skipped 0 + dead-lettered 0 later; still waiting 1",
        ),
        (
            {"released": {Outcome.ACCRUED: 2}},
            "accrued 2 + duplicate 0 + skipped 0 + dead-lettered 0 later; still waiting 0",
        ),
    ],
)
def test_an_award_that_waits_still_or_never_came_to_an_end_is_told(
    changes: dict[str, object], told: str
) -> None:
    wrong = failed(of_awards(with_progress(**changes))(evidence()))
    assert f"promotion: came before their slip was posted and waited 3 = {told}" in wrong


def test_points_that_went_to_the_other_topic_fail_though_their_sum_is_right() -> None:
    awarded = of_awards(with_progress(points=318))(evidence())
    shifted = of_slips(with_progress(points=2366))(awarded)
    assert failed(shifted) == [
        (
            "base entries in the ledger 3 = accrued 3;"
            " their points 2,366 = expected by the reference 2,367"
        ),
        (
            "promotion entries in the ledger 3 = accrued 3;"
            " their points 318 = expected by the reference 317"
        ),
    ]


def test_a_player_whose_slips_gave_no_point_is_a_player_all_the_same() -> None:
    nobody = (ANN[0], ANN[0])
    of = evidence()
    of.slips.tally.balances[nobody] = 0
    told = replace(of, balances=of.balances + Counter())
    assert failed(told) == ["balances as expected 3 = players in the ledger 2"]
    told.balances[(BEN[1], BEN[1])] = 0
    assert failed(told)[0].startswith("balances as expected 3 = players in the ledger 3")
    del told.balances[(BEN[1], BEN[1])]
    told.balances[nobody] = 0
    checked = CheckedBalances("clean", players_checked=3, entries_checked=6)
    assert failed(replace(told, checked=checked)) == []
