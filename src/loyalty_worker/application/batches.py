"""One batch in, one verdict out: the values that travel between consumers and use cases."""

from dataclasses import dataclass
from typing import TypeAlias

from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import FaultReason, Halt, Released


@dataclass(frozen=True, slots=True)
class Batch:
    """A range of offsets of one partition: from `start`, where the fetch began, up to `end`.

    `end` is the consumer's position after the fetch. Offsets without a record (compacted,
    aborted, control records) lie in the range but not in `records`, which may be empty.
    `generation` is the one of `consumer_progress` under which the range was fetched. `log_known`
    where the log was seen to be the one of that generation after these records were fetched: only
    such a batch leaves a record by which the log is recognised later.
    """

    at: PartitionId
    generation: int
    start: int
    end: int
    records: tuple[Record, ...]
    log_known: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """One record that was counted, with its outcome."""

    record: Record
    decoded: Decoded
    outcome: RecordOutcome


@dataclass(frozen=True, slots=True)
class Posted:
    """Everything below `next_offset` is committed to the database; Kafka may be told so.

    `next_offset` is the batch's end, or lies before it where the breaker tripped or a record was
    isolated; `halt` says so. `settled` holds the records that were counted: those at or above the
    former position, in offset order. `redelivered` is the number of the others, which were
    counted before. `released` are parked promotions that slips of the batch released.
    """

    settled: tuple[Settled, ...]
    redelivered: int
    next_offset: int
    released: tuple[Released, ...] = ()
    halt: Halt | None = None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Nothing was done: the range does not join on to the position in the database.

    `expected` is that position, or None where the database has none for this generation (it was
    restored, or another worker began a new generation). The partition must find its start anew.
    """

    expected: int | None


@dataclass(frozen=True, slots=True)
class Faulted:
    """Nothing was done because something outside failed; the batch is to be tried again."""

    reason: FaultReason
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class Halted:
    """Nothing was done because the topic is halted until a person resumes it."""

    halt: Halt


Verdict: TypeAlias = Posted | Misplaced | Faulted | Halted
