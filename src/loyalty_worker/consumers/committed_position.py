"""Where a partition's reading starts for a group whose offsets alone say what is done.

Requests for a drift check are no events: their position is not counted in the database, and what
one request began is known by the request's own identity.
"""

from collections.abc import Awaitable, Callable

from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.consumers.position import Start
from loyalty_worker.domain.records import PartitionId

_ONLY_GENERATION = 1


class CommittedPositions:
    """Starts at the committed offset; at the log's beginning where none is, or another log is."""

    def __init__(self, inspector: LogInspector) -> None:
        self._inspector = inspector

    async def find_start(
        self, at: PartitionId, committed: Callable[[], Awaitable[int | None]]
    ) -> Start:
        """Return where to read from. Raises `Fault`."""
        bounds = await self._inspector.bounds(at)
        offset = await committed()
        if offset is None or not bounds.beginning <= offset <= bounds.end:
            offset = bounds.beginning
        return Start(_ONLY_GENERATION, offset)

    async def holds(self, at: PartitionId, generation: int, position: int) -> bool:  # noqa: ARG002 - one generation
        """Say whether the log reaches so far; one that was created again does not."""
        return position <= (await self._inspector.bounds(at)).end
