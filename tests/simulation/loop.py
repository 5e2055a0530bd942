"""An event loop whose time is virtual: it never waits, and runs the same way every time.

asyncio promises that callbacks run in the order of their registration, and its own parts rely on
it. So what a seed decides is not that order but how long each answer of the fakes takes.
"""

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


Tasks = list[asyncio.Task[Any]]
_owner: ContextVar[Tasks | None] = ContextVar("owner", default=None)


class NothingHappensError(Exception):
    """Every task waits, and nothing is scheduled that could wake one."""


class _Clock:
    """Stands in for a selector: to wait is to move the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise NothingHappensError
        if timeout > 0:
            self.now += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop for tasks, sleeps and timeouts; it has no sockets and no threads."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Clock()
        self._clock_resolution = 1e-9
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[object]) -> None:
        """Do nothing: the clock reports no events."""

    def _write_to_self(self) -> None:
        """Do nothing: nobody else wakes this loop."""


@contextmanager
def owned_by(tasks: Tasks) -> Iterator[None]:
    """Add every task that is begun here to `tasks`, and those that it begins, and so on."""
    token = _owner.set(tasks)
    try:
        yield
    finally:
        _owner.reset(token)


def _owned_task(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T] | Generator[Any, None, T],
    context: Context | None = None,
) -> asyncio.Task[T]:
    task = asyncio.Task(work, loop=loop, context=context)
    owner = _owner.get()
    if owner is not None:
        owner.append(task)
    return task


def run_virtually(seed: int, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end; `seed` also decides the jitter of the code under test.

    Nothing is collected meanwhile, since what a finalizer begins would come at any moment.
    """
    state = random.getstate()
    gc.disable()
    random.seed(seed)
    loop = VirtualLoop()
    try:
        task = loop.create_task(main())
        try:
            return loop.run_until_complete(task)
        finally:
            left = asyncio.all_tasks(loop)
            for one in left:
                one.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        loop.close()
        gc.enable()
        random.setstate(state)
