"""From bytes to events, as the use cases need it."""

from typing import Protocol

from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.records import Record


class Decoder(Protocol):
    """Turns a record into an event or into the reason why it is none; never raises."""

    def __call__(self, record: Record, /) -> Decoded:
        """Decode one record."""
        ...
