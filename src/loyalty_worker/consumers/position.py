"""Where a partition's reading starts: database and broker together decide.

The rule (specification, "Position and conservation"): the lower of the committed offset and the
database's `next_offset`; where either is missing, the beginning of the log. Thereby a database
that was restored from a backup catches up from the topic by itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from loyalty_worker.consumers.inspector import Bounds, LogInspector
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Ledger, NeedsPersonError, Progress, resume_command
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


class PartitionPositions:
    """Finds starts for one consumer group."""

    def __init__(self, ledger: Ledger, inspector: LogInspector, group: str) -> None:
        self._ledger = ledger
        self._inspector = inspector
        self._group = group

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
                "log before they were processed; publish their events again if you have them, then "
                f"{resume_command(at.topic, accept_loss=True)} goes on at the log's start",
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

    async def _is_another_log(self, at: PartitionId, progress: Progress, bounds: Bounds) -> bool:
        """Say whether the topic was created again since `progress` was made.

        The row's record is of a batch after whose fetch the log was still the one known, so it is
        never one of a new topic's that was posted under the old position.
        """
        if bounds.end < progress.next_offset:
            return True
        offset = progress.last_record_offset
        if offset is None or offset < bounds.beginning:
            return False
        record = await self._inspector.first_record_from(at, offset)
        if record is None or record.offset != offset:
            return False  # compacted away, or not to be read: nothing to compare with
        return record.fingerprint() != progress.last_record_hash

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
