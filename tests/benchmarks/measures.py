"""Measured series, their ratios round by round, and what they are held against."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median


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


def rounds(most: int, least: int, seconds: float) -> Iterator[int]:
    """Count rounds, until time is up on a machine that is slow or busy."""
    ends = time.monotonic() + seconds
    for number in range(most):
        if number >= least and time.monotonic() > ends:
            return
        yield number
