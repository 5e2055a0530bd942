"""Measured series, their ratios round by round, and what they are held against."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import psutil

_LEAST = 3
_TICK = 1 / os.sysconf("SC_CLK_TCK")  # processor time is counted in these


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value in the middle; not a number for an empty series."""
        return median(self.values) if self.values else math.nan

    def over(self, other: "Series") -> "Series":
        """Return the ratios of values that were measured in the same round, one after another."""
        return Series(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the report; a `needed` one is a target, which the median has to reach."""

    name: str
    unit: str
    series: Series
    needed: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the target is reached; a figure without one always does."""
        return self.needed is None or self.series.median >= self.needed


def rounds(most: int, seconds: float) -> Iterator[int]:
    """Count rounds, until time is up on a machine that is slow or busy."""
    ends = time.monotonic() + seconds
    for number in range(most):
        if number >= _LEAST and time.monotonic() > ends:
            return
        yield number


@dataclass
class Watch:
    """How long something took, and how much processor time of this and of a server's process.

    The latter says more where the machine has other things to do.
    """

    server_pid: int
    seconds: float = 0.0
    processor_seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time that the block takes."""
        processes = [psutil.Process(), psutil.Process(self.server_pid)]
        started, before = time.perf_counter(), _processor_seconds(processes)
        yield
        self.seconds += time.perf_counter() - started
        self.processor_seconds += max(_processor_seconds(processes) - before, _TICK)


def _processor_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)
