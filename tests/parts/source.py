"""Where a part comes from, and what it turned out to be."""

import os
from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """The three ways to a part."""

    ENVIRONMENT = "environment"
    CONTAINER = "container"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Part:
    """A running part; `address` is what clients are given, `version` as exact as can be known."""

    name: str
    source: Source
    address: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.source})"


def source_of(variable: str) -> Source:
    """Return where the part of this address variable comes from."""
    if os.environ.get(variable):
        return Source.ENVIRONMENT
    if os.environ.get("LOYALTY_TEST_CONTAINERS") == "1":
        return Source.CONTAINER
    return Source.EMBEDDED
