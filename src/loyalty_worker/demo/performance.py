"""The evening itself: its messages are published, the worker is killed and comes back."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

from loyalty_worker.demo.audit import Books
from loyalty_worker.demo.books import EveningProgress, Progress
from loyalty_worker.demo.messages import Message
from loyalty_worker.demo.publisher import publish
from loyalty_worker.demo.stage import TOPICS
from loyalty_worker.demo.tally import Tally
from loyalty_worker.demo.view import NEWS_LINES, Moment, Show
from loyalty_worker.demo.worker import SESSION_SECONDS, DemoWorker, WorkerState

_RATE: Final = 240.0
_LONGEST_SECONDS: Final = 18.0
# Early enough: the dead worker's lease on the sweeping, 15 s, then ends with the evening.
_KILLED_AT: Final = 0.3
_LOOK_SECONDS: Final = 0.25
# Beyond it something is wrong, and the reckoning will say what is missing.
_PATIENCE_SECONDS: Final = 20.0

Announce: TypeAlias = Callable[[str], None]


class Performance:
    """One evening; `tallies` count what the broker has confirmed, by topic."""

    def __init__(
        self, books: Books, worker: DemoWorker, messages: Sequence[Message], announce: Announce
    ) -> None:
        self.tallies = {topic: Tally() for topic in TOPICS}
        self._books = books
        self._messages = messages
        self._kill = _Kill(worker, round(_KILLED_AT * len(messages)), announce)

    async def play(
        self, bootstrap_servers: str, view: Callable[[], AbstractContextManager[Show]]
    ) -> None:
        """Play the evening, showing it; return once all is settled or nothing moves any more.

        Raises what publishing raises, and `EmbeddedServerError` when the worker ends by itself.
        """
        publishing = asyncio.create_task(self._publish(bootstrap_servers))
        try:
            with view() as show:
                await self._watch(show, publishing)
            await publishing
        finally:
            publishing.cancel()

    async def _publish(self, bootstrap_servers: str) -> None:
        options = {"bootstrap_servers": [bootstrap_servers]}
        rate = max(_RATE, len(self._messages) / _LONGEST_SECONDS)
        await publish(options, TOPICS, self._messages, rate, self._count)

    def _count(self, message: Message) -> None:
        self.tallies[message.topic].add(message.expected)

    async def _watch(self, show: Show, publishing: "asyncio.Task[None]") -> None:
        started = changed = time.monotonic()
        before = EveningProgress(Progress(), Progress())
        while True:
            complete = publishing.done()
            progress = await self._books.progress()
            news = await self._books.news(NEWS_LINES)
            state = await self._kill.follow(progress)
            now = time.monotonic()
            show(Moment(now - started, len(self._messages), progress, state, news))
            settled = progress.lag == 0 and progress.promotions.waiting == 0
            if complete and settled and self._kill.survived:
                return
            if complete and publishing.exception() is not None:
                return
            if progress != before:
                before, changed = progress, now
            elif now - changed > _PATIENCE_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)


class _Kill:
    """Kills the worker once `after` records are processed, starts it again, and tells the story."""

    def __init__(self, worker: DemoWorker, after: int, announce: Announce) -> None:
        self.survived = False
        self._worker = worker
        self._after = after
        self._announce = announce
        self._killed: float | None = None
        self._back = False
        self._waited = 0

    async def follow(self, progress: EveningProgress) -> WorkerState:
        """Take the next step of the story, if it is time; return how the worker is."""
        if self._killed is None:
            if progress.processed < self._after:
                return await self._worker.state()
            self._strike(progress)
            self._killed = time.monotonic()
            return WorkerState.STARTING
        state = await self._worker.state()
        seconds = time.monotonic() - self._killed
        self._waited = max(self._waited, progress.lag)
        if not self._back and state is WorkerState.READY:
            self._back = True
            self._announce(
                f"{seconds:.1f} s after the kill the worker is back;"
                f" {self._waited:,} records waited meanwhile"
            )
        elif self._back and not self.survived and progress.lag == 0:
            self.survived = True
            self._announce(f"{seconds:.1f} s after the kill the worker has caught up")
        return state

    def _strike(self, progress: EveningProgress) -> None:
        killed = self._worker.pid
        self._worker.kill()
        self._worker.start()
        self._announce(
            f"worker {killed} was killed by SIGKILL with {progress.processed:,} records processed"
        )
        self._announce(
            f"worker {self._worker.pid} starts in its place;"
            f" the group forgets the dead one after {SESSION_SECONDS} s"
        )
