"""The relay: what the database says is to be published goes to Kafka, at least once, in order."""

from itertools import groupby
from operator import attrgetter

from loyalty_worker.ports import Fault, Outbox, Publisher

_CHUNK = 200
_WHOLE_BROKER = "kafka_unreachable"


class Relay:
    """Publishes the oldest rows of an outbox; one process at a time should, see `Leases`."""

    def __init__(self, outbox: Outbox, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher

    async def __call__(self) -> int:
        """Publish a chunk and mark what the broker acknowledged; return how many that is.

        A crash between the two publishes again. A topic that fails holds up no other of the
        chunk. Raises `Fault` in the end: nothing is marked that was not acknowledged, and the rest
        stays due.
        """
        pending = sorted(await self._outbox.pending(_CHUNK), key=attrgetter("topic"))
        done, failed = 0, None
        for _, records in groupby(pending, key=attrgetter("topic")):
            of_topic = list(records)
            try:
                published = await self._publisher.publish(of_topic)
            except Fault as fault:
                if fault.reason == _WHOLE_BROKER:
                    raise
                failed = fault
                continue
            await self._outbox.published([record.id for record in of_topic[:published]])
            done += published
        if failed is not None:
            raise failed
        return done
