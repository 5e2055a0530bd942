"""Where a partition's reading starts: database and broker together decide.

The rule (specification, "Position and conservation"): the lower of the committed offset and the
database's `next_offset`; where either is missing, the beginning of the log. Thereby a database
that was restored from a backup catches up from the topic by itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from loyalty_worker.consumers.inspector import Bounds, LogInspector
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Ledger, NeedsPersonError, Progress
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Read from `offset` under this `generation` of the partition's progress."""

    generation: int
    offset: int


class Positions(Protocol):
    """Where the partitions of one group start, and whether a position still holds."""

    async def find_start(
        self, at: PartitionId, committed: Callable[[], Awaitable[int | None]]
    ) -> Start:
        """Return where to read from. Raises `Fault` and `NeedsPersonError`."""
        ...

    async def holds(self, at: PartitionId, generation: int, position: int) -> bool:
        """Say whether the log still is the one in which this position was reached."""
        ...

    def remember(self, at: PartitionId, generation: int, record: Record) -> None:
        """Keep in mind a record of a batch that was posted."""
        ...


@dataclass(frozen=True, slots=True)
class _Witness:
    """A record that was read under `generation`: where it lies, and its hash."""

    generation: int
    offset: int
    record_hash: bytes


class PartitionPositions:
    """Finds starts for one consumer group."""

    def __init__(self, ledger: Ledger, inspector: LogInspector, group: str) -> None:
        self._ledger = ledger
        self._inspector = inspector
        self._group = group
        self._witnesses: dict[PartitionId, _Witness] = {}

    async def find_start(
        self, at: PartitionId, committed: Callable[[], Awaitable[int | None]]
    ) -> Start:
        """Return where to read from; creates the partition's progress where it has none.

        Raises `NeedsPersonError` where records are lost, and `Fault` where the database or the
        broker cannot be asked.
        """
        # Progress first: read later, it could have passed the bounds meanwhile, and a topic whose
        # end lies below the position counts as recreated.
        progress = await self._ledger.read_progress(self._group, at)
        bounds = await self._inspector.bounds(at)
        if progress is None:
            progress = await self._open(at, None, bounds)
        elif await self._is_another_log(at, progress, bounds):
            _log.warning(
                "topic_recreated",
                topic=at.topic,
                partition=at.partition,
                former_next_offset=progress.next_offset,
                log_start=bounds.beginning,
                log_end=bounds.end,
                hint="the partition is read from its beginning under a new generation",
            )
            progress = await self._open(at, progress.generation, bounds)
        if bounds.beginning > progress.next_offset:
            raise NeedsPersonError(
                "records_lost",
                f"offsets {progress.next_offset} to {bounds.beginning - 1} were deleted from the "
                "log before they were processed; publish them again, or restore the topic",
            )
        lowest = min(await committed() or 0, progress.next_offset)
        return Start(progress.generation, max(lowest, bounds.beginning))

    async def holds(self, at: PartitionId, generation: int, position: int) -> bool:
        """Say whether database and topic still are those in which this position was reached.

        False for a database that was restored to an earlier state, and for a topic that was
        created again; then the partition finds its start anew.
        """
        progress = await self._ledger.read_progress(self._group, at)
        if progress is None or progress.generation != generation:
            return False
        if progress.next_offset < position:
            return False
        return not await self._is_another_log(at, progress, await self._inspector.bounds(at))

    def remember(self, at: PartitionId, generation: int, record: Record) -> None:
        """Keep a record of a posted batch as a witness of the log, where there is none yet."""
        witness = self._witnesses.get(at)
        if witness is None or witness.generation != generation:
            self._witnesses[at] = _Witness(generation, record.offset, record.fingerprint())

    async def _is_another_log(self, at: PartitionId, progress: Progress, bounds: Bounds) -> bool:
        """Say whether the topic was created again since `progress` was made.

        The row alone cannot tell once a batch of the new topic was posted under the old position,
        for its hash is then the new topic's. So a record from before is looked at as well.
        """
        if bounds.end < progress.next_offset:
            return True
        last = None
        if progress.last_record_offset is not None and progress.last_record_hash is not None:
            last = _Witness(
                progress.generation, progress.last_record_offset, progress.last_record_hash
            )
        former = self._witnesses.get(at)
        for witness in (last, former):
            if (
                witness is not None
                and witness.generation == progress.generation
                and await self._was_replaced(at, witness, bounds)
            ):
                return True
        if last is not None:
            self._witnesses[at] = last
        return False

    async def _was_replaced(self, at: PartitionId, witness: _Witness, bounds: Bounds) -> bool:
        if witness.offset < bounds.beginning:
            return False
        record = await self._inspector.first_record_from(at, witness.offset)
        if record is None or record.offset != witness.offset:
            return False  # compacted away, or not to be read: nothing to compare with
        return record.fingerprint() != witness.record_hash

    async def _open(self, at: PartitionId, after: int | None, bounds: Bounds) -> Progress:
        progress = await self._ledger.open_generation(self._group, at, after, bounds.beginning)
        _log.info(
            "generation_opened",
            topic=at.topic,
            partition=at.partition,
            generation=progress.generation,
            first_offset=progress.first_offset,
        )
        return progress
