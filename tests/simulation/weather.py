"""What a seed decides: how long answers take, and which of them fail."""

import asyncio
import random
from collections.abc import Callable

from simulation.loop import Tasks


class Weather:
    """Delays and faults, until the weather clears up; times in virtual seconds."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.fault_rate = rng.choice((0.0, 0.01, 0.05, 0.15))
        self.slow_rate = rng.choice((0.0, 0.02, 0.1))
        self.slowest = rng.choice((0.5, 3.0, 12.0))
        self.is_clear = False

    def fails(self) -> bool:
        """Say whether this answer is a fault."""
        return not self.is_clear and self.rng.random() < self.fault_rate

    def delay(self) -> float:
        """Return how long an answer takes."""
        rng = self.rng
        if not self.is_clear and rng.random() < self.slow_rate:
            return rng.random() * self.slowest
        return rng.random() * 0.02

    async def pause(self) -> None:
        """Take the time of one step of an exchange."""
        await asyncio.sleep(self.delay())


class Process:
    """One worker's process, as the fakes see it: it can be frozen, and thaw again.

    `tasks` are all of its tasks, so that a kill can end them at once.
    """

    def __init__(self, name: int) -> None:
        self.name = name
        self.tasks: Tasks = []
        self._runs = asyncio.Event()
        self._runs.set()
        self._when_frozen: Callable[[str], None] | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return not self._runs.is_set()

    def freeze(self) -> None:
        """Stop it at its next exchange with the outside."""
        self._runs.clear()

    def freeze_with_a_batch(self, when_frozen: Callable[[str], None]) -> None:
        """Stop it when it has fetched its next batch, and not begun to post it.

        `when_frozen` is told the batch's topic.
        """
        self._when_frozen = when_frozen

    def has_fetched(self, topic: str) -> None:
        """Say that it has a batch in its hands."""
        if self._when_frozen is not None:
            self.freeze()
            self._when_frozen(topic)
            self._when_frozen = None

    def thaw(self) -> None:
        """Let it go on."""
        self._when_frozen = None
        self._runs.set()

    async def step(self, weather: Weather) -> None:
        """Take the time of one step, and stand still while it is frozen."""
        await weather.pause()
        if self.is_frozen:
            await self._runs.wait()
