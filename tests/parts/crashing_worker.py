"""`loyalty run` that ends itself by SIGKILL at a named point, or whose clock jumps.

Run as a program, with the worker's environment and `CRASH_POINT`; production code has no hooks for
it. `CRASH_AT` is the how manieth time at the point kills.
"""

import itertools
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from loyalty_worker.cli.main import main
from loyalty_worker.consumers.offsets import PartitionOffsets
from loyalty_worker.consumers.supervisor import GroupSupervisor
from loyalty_worker.database.transaction import PostgresLedgerTransaction
from loyalty_worker.publishing.producer import KafkaPublisher
from parts.worker import WorkerProcess

Method = Callable[..., Awaitable[Any]]
_CLOCK_JUMP_SECONDS = 3600.0


class CrashingWorker(WorkerProcess):
    """A process of this program; it may end any time after its start."""

    program = ("-m", "parts.crashing_worker")


def _die_at(owner: type, name: str, *, after: bool, counts: Callable[..., bool]) -> None:
    """Let a method's call end the process, before or after its work."""
    original: Method = getattr(owner, name)
    left = int(os.environ.get("CRASH_AT", "1"))

    async def dying(self: object, *arguments: object) -> object:
        nonlocal left
        counted = counts(self, *arguments)
        left -= counted
        if counted and left <= 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(self, *arguments)
        if counted and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def _always(*_: object) -> bool:
    return True


def _after_post_before_commit() -> None:
    _die_at(PostgresLedgerTransaction, "advance_progress", after=True, counts=_always)


def _after_commit_before_ack() -> None:
    _die_at(PartitionOffsets, "commit", after=False, counts=lambda self: self._due is not None)


def _before_the_drain() -> None:
    _die_at(GroupSupervisor, "on_partitions_revoked", after=False, counts=lambda _, tps: bool(tps))


def _after_the_drain() -> None:
    _die_at(GroupSupervisor, "on_partitions_revoked", after=True, counts=lambda _, tps: bool(tps))


def _during_relay() -> None:
    _die_at(KafkaPublisher, "publish", after=True, counts=_always)


def _clock_jumps() -> None:
    """Move the wall clock an hour ahead and back again with every few readings."""
    true_time = time.time
    readings = itertools.count()
    time.time = lambda: true_time() + (_CLOCK_JUMP_SECONDS if next(readings) // 5 % 2 else 0.0)


POINTS = {
    "after post, before commit": _after_post_before_commit,
    "after commit, before ack": _after_commit_before_ack,
    "before the drain": _before_the_drain,
    "after the drain": _after_the_drain,
    "during relay": _during_relay,
    "clock jumps": _clock_jumps,
}

if __name__ == "__main__":
    POINTS[os.environ["CRASH_POINT"]]()
    main()
