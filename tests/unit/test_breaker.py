"""When the breaker trips, and on which record."""

import pytest

from loyalty_worker.application.breaker import Breaker, BreakerLimits
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome

GOOD = RecordOutcome(Outcome.ACCRUED)
BAD = RecordOutcome(Outcome.DEAD_LETTERED, reason="EVENT_SCHEMA_INVALID")
UNKNOWN_CASINO = RecordOutcome(Outcome.DEAD_LETTERED, reason="LOYALTY_CASINO_UNKNOWN")
SET_ASIDE = RecordOutcome(Outcome.DEAD_LETTERED, reason="QUARANTINED")
LIMITS = BreakerLimits(share=0.5, min_records=10, run=8)


def after(outcomes: list[RecordOutcome]) -> Breaker:
    breaker = Breaker(LIMITS)
    breaker.count(outcomes)
    return breaker


def test_good_records_never_trip_it() -> None:
    assert after([GOOD] * 100).trips_at([GOOD] * 500) is None


def test_it_trips_at_the_last_of_so_many_refused_in_a_row() -> None:
    assert after([GOOD] * 100).trips_at([BAD] * 20) == 7
    assert after([GOOD] * 100 + [BAD] * 5).trips_at([BAD] * 20) == 2


def test_one_good_record_ends_a_run() -> None:
    assert after([GOOD] * 100).trips_at([*[BAD] * 7, GOOD, *[BAD] * 7]) is None


def test_it_trips_above_the_share_of_enough_records() -> None:
    half = [GOOD, BAD] * 5
    assert after([]).trips_at(half) is None
    assert after(half).trips_at([GOOD, BAD, BAD]) == 2


def test_a_few_records_are_no_share() -> None:
    assert after([]).trips_at([*[BAD] * 6, GOOD]) is None


def test_the_share_is_that_of_the_newest_records() -> None:
    long_ago = [BAD, BAD, GOOD, GOOD] * 250
    assert after([*long_ago, *[GOOD] * 100]).trips_at([*[BAD, BAD, GOOD] * 20]) is None
    assert after([*[GOOD] * 1000, *[BAD, BAD, BAD, GOOD] * 30]).trips_at([BAD]) == 0


@pytest.mark.parametrize("ignored", [UNKNOWN_CASINO, SET_ASIDE])
def test_one_casino_that_nobody_provisioned_trips_nothing(ignored: RecordOutcome) -> None:
    assert after([]).trips_at([ignored] * 500) is None
    assert after([BAD] * 7).trips_at([ignored] * 500 + [BAD]) == 500


def test_what_would_trip_is_not_counted_until_it_is_committed() -> None:
    breaker = after([BAD] * 7)
    assert breaker.trips_at([BAD]) == 0
    assert breaker.trips_at([BAD]) == 0
    assert breaker.trips_at([GOOD]) is None


def test_once_it_tripped_it_begins_anew() -> None:
    breaker = after([BAD] * 8)
    breaker.reset()
    assert breaker.trips_at([BAD] * 7) is None
