"""Where a part comes from, and what it turned out to be."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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


_REMEDIES = {
    Source.ENVIRONMENT: "check the address in {variable}, or unset it to use a child process",
    Source.CONTAINER: (
        "check that Docker runs and can get the image, or unset LOYALTY_TEST_CONTAINERS to use"
        " a child process"
    ),
    Source.EMBEDDED: "run `make setup`, or name one that runs in {variable}",
}


class PartUnavailableError(RuntimeError):
    """A part that tests need cannot be had; the text says what to install or set."""


@contextmanager
def started(
    name: str, variable: str, start: Callable[[Source], AbstractContextManager[Part]]
) -> Iterator[Part]:
    """Give the part from where its variable says; raise `PartUnavailableError` if it cannot."""
    source = source_of(variable)
    with ExitStack() as stack:
        try:
            part = stack.enter_context(start(source))
        except Exception as error:
            remedy = _REMEDIES[source].format(variable=variable)
            raise PartUnavailableError(f"{name} ({source}) is not there: {remedy}") from error
        yield part
