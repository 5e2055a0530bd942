"""What the audit of coverage says of a partition as a whole."""

from dataclasses import replace

from loyalty_worker.application.coverage_remarks import (
    Remark,
    another_log,
    of_no_progress,
    of_range,
    of_records,
)
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports.coverage import CountedRange, LogBounds

LAST = Record("topic", 0, 19, 1_773_518_400_000, b"key", b"value", ())
COUNTED = CountedRange(
    PartitionId("topic", 0),
    generation=1,
    first_offset=10,
    next_offset=20,
    last_record_offset=19,
    last_record_hash=LAST.fingerprint(),
    records=8,
    without_record=2,
)
WHOLE = LogBounds(0, 100)


def kinds(remarks: list[Remark]) -> list[tuple[str, bool]]:
    return [(remark.kind, remark.is_problem) for remark in remarks]


def test_a_range_that_the_log_holds_whole_needs_no_word() -> None:
    assert of_range(COUNTED, WHOLE) == []
    assert of_range(COUNTED, LogBounds(10, 20)) == []
    assert of_records(COUNTED, WHOLE, 8) == []
    assert another_log(COUNTED, [LAST]) == []


def test_records_without_a_position_are_a_problem_and_an_empty_log_is_none() -> None:
    (remark,) = of_no_progress("loyalty-accrual", LogBounds(5, 25))
    assert kinds([remark]) == [("no_progress", True)]
    assert "up to 20 records, offsets 5 to 24, but the group loyalty-accrual " in remark.text
    assert of_no_progress("loyalty-accrual", LogBounds(25, 25)) == []


def test_expired_records_are_said_and_are_no_problem() -> None:
    (remark,) = of_range(COUNTED, LogBounds(15, 100))
    assert kinds([remark]) == [("expired", False)]
    assert "10 to 14" in remark.text
    assert kinds(of_range(COUNTED, LogBounds(20, 20))) == [("expired", False)]
    assert of_records(COUNTED, LogBounds(15, 100), 4) == []


def test_records_that_left_the_log_unprocessed_are_a_problem() -> None:
    expired, lost = of_range(COUNTED, LogBounds(25, 100))
    assert "10 to 19" in expired.text
    assert kinds([lost]) == [("lost", True)]
    assert "20 to 24" in lost.text


def test_a_position_above_the_end_is_a_problem() -> None:
    assert kinds(of_range(COUNTED, LogBounds(0, 19))) == [("beyond_end", True)]


def test_counts_that_do_not_add_up_are_a_problem() -> None:
    assert kinds(of_range(replace(COUNTED, records=9), WHOLE)) == [("counts", True)]


def test_records_that_nobody_counted_are_a_problem_and_compacted_ones_are_none() -> None:
    assert kinds(of_records(COUNTED, WHOLE, 9)) == [("uncounted", True)]
    assert kinds(of_records(COUNTED, WHOLE, 7)) == [("fewer", False)]


def test_another_record_at_the_last_position_tells_of_another_log() -> None:
    assert kinds(another_log(COUNTED, [replace(LAST, value=b"other")])) == [("another_log", True)]
    assert another_log(COUNTED, [replace(LAST, offset=18, value=b"other")]) == []
