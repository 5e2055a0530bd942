"""What the audit of coverage says of a partition as a whole, beside its single records."""

from collections.abc import Sequence
from dataclasses import dataclass

from loyalty_worker.domain.records import Record
from loyalty_worker.ports import resume_command
from loyalty_worker.ports.coverage import CountedRange, LogBounds


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark; `kind` is a code, and one that `is_problem` fails the audit."""

    kind: str
    text: str
    is_problem: bool = True


def of_no_progress(group: str, bounds: LogBounds) -> list[Remark]:
    """Say whether a log holds records, though the group has no position in it."""
    if bounds.start == bounds.end:
        return []
    return [
        Remark(
            "no_progress",
            f"the log holds up to {bounds.end - bounds.start} records, offsets {bounds.start} to"
            f" {bounds.end - 1}, but the group {group} has no position there: its workers never"
            " ran on it, LOYALTY_KAFKA_GROUP_PREFIX is not theirs, or the rows of"
            " consumer_progress are lost",
        )
    ]


def of_range(counted: CountedRange, bounds: LogBounds) -> list[Remark]:
    """Hold a partition's position and counts against each other and against the log."""
    remarks = []
    first, position = counted.first_offset, counted.next_offset
    gone = min(bounds.start, position)
    if gone > first:
        remarks.append(
            Remark(
                "expired",
                f"offsets {first} to {gone - 1} are in the log no more and cannot be looked at",
                is_problem=False,
            )
        )
    if bounds.start > position:
        remarks.append(
            Remark(
                "lost",
                f"offsets {position} to {bounds.start - 1} left the log before they were"
                " processed; publish their events again if you have them, then"
                f" {resume_command(counted.at.topic, accept_loss=True)} goes on at the log's start",
            )
        )
    if position > bounds.end:
        remarks.append(
            Remark(
                "beyond_end",
                f"the position {position} lies above the log's end {bounds.end}: the topic was"
                " deleted or created again, or the broker lost records",
            )
        )
    if not counted.adds_up:
        remarks.append(
            Remark(
                "counts",
                f"{position - first} offsets were passed, but"
                f" {counted.records + counted.without_record} are counted",
            )
        )
    return remarks


def of_records(counted: CountedRange, bounds: LogBounds, held: int) -> list[Remark]:
    """Hold the number of records that the log holds of the range against those counted."""
    if held > counted.records:
        return [
            Remark(
                "uncounted",
                f"the log holds {held} records of the range, but only {counted.records} were"
                " counted: some were passed over",
            )
        ]
    whole = bounds.start <= counted.first_offset and bounds.end >= counted.next_offset
    if whole and held < counted.records:
        return [
            Remark(
                "fewer",
                f"of {counted.records} records counted the log still holds {held}: the others"
                " were compacted away, or expired meanwhile",
                is_problem=False,
            )
        ]
    return []


def another_log(counted: CountedRange, records: Sequence[Record]) -> list[Remark]:
    """Say whether the last processed record is there, but is another one."""
    last = next((one for one in records if one.offset == counted.last_record_offset), None)
    if last is None or last.fingerprint() == counted.last_record_hash:
        return []
    return [
        Remark(
            "another_log",
            f"the record at offset {last.offset} is another than the one processed there: the"
            " topic was created again, and the worker has not noticed yet",
        )
    ]
