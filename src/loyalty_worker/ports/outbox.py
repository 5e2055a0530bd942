"""What leaves for Kafka from the database, at least once, by one holder at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from loyalty_worker.domain.records import Headers


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to publish; `id` is its row's.

    `lane` orders: records of one lane go to one partition of `topic`, in the order of their ids
    (for a dead letter's copy it is the partition the original came from); where it is None, the
    key says which partition, as it does for every producer. `about` are further
    headers, what is said of a copied record. Where the broker refuses the size, a copy that
    `may_omit_value` goes without its value, or with nothing but `about`, and says so.
    """

    id: int
    topic: str
    lane: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers
    about: Headers = ()
    may_omit_value: bool = False


class Outbox(Protocol):
    """Rows that are to be published; every method raises `Fault` when the database cannot."""

    async def pending(self, limit: int) -> list[OutgoingRecord]:
        """Return the oldest that were not published yet, in the order of their ids."""
        ...

    async def published(self, ids: Sequence[int]) -> None:
        """Mark rows whose publication the broker has acknowledged."""
        ...


class Publisher(Protocol):
    """Kafka, seen from a relay."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> int:
        """Publish in order; return how many of them, from the first, the broker acknowledged.

        Raises `Fault` where that is none.
        """
        ...


class Leases(Protocol):
    """Rows that one process holds at a time; a lease is kept by taking it again in time."""

    async def take(self, name: str, seconds: float) -> bool:
        """Take or keep a lease for so long; False where another process holds it.

        Raises `Fault`.
        """
        ...

    async def drop(self, name: str) -> None:
        """Give it back, so that another need not wait; nothing where it is not held."""
        ...
