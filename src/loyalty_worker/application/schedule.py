"""The scheduled drift check: which tick is due, and its request, once among all replicas."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from loyalty_worker.domain.records import Headers
from loyalty_worker.ports import DriftTicks

# cronsim looks strictly before the time it is given.
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Message:
    """A record to be published: topic, key, value, headers."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class Schedule:
    """A cron expression in a time zone; clock changes are treated as Debian's cron does."""

    def __init__(self, expression: str, timezone: str) -> None:
        self._expression = expression
        self._zone = ZoneInfo(timezone)

    def newest_tick(self, now: datetime) -> datetime | None:
        """Return the last tick that is not after `now` (aware), in UTC; None if there is none."""
        # added in UTC: in local time a sum forgets which of two equal hours it is in
        before = now.astimezone(UTC).replace(microsecond=0) + _SHORTEST
        tick: datetime | None = next(
            CronSim(self._expression, before.astimezone(self._zone), reverse=True), None
        )
        return None if tick is None else tick.astimezone(UTC)


class ClaimTicks:
    """Claims the newest tick that is due, and puts its request into the outbox with it.

    Ticks that were missed while no worker ran are made up for by the newest of them alone. Before
    the first claim ever, those from before this process began do not count.
    """

    def __init__(
        self,
        ticks: DriftTicks,
        schedule: Schedule,
        request: Callable[[datetime], Message],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._ticks = ticks
        self._schedule = schedule
        self._request = request
        self._clock = clock
        self._settled_until = clock()
        self._knows_last = False

    async def __call__(self) -> datetime | None:
        """Return the tick that was claimed here; None where none is due. Raises `Fault`."""
        if not self._knows_last:
            self._settled_until = await self._ticks.last() or self._settled_until
            self._knows_last = True
        due = self._schedule.newest_tick(self._clock())
        if due is None or due <= self._settled_until:
            return None
        message = self._request(due)
        claimed = await self._ticks.claim(
            due, message.topic, message.key, message.value, message.headers
        )
        self._settled_until = due
        return due if claimed else None
