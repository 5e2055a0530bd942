"""The relay: what the database says is to be published goes to Kafka, at least once, in order."""

from loyalty_worker.ports import Outbox, Publisher

_CHUNK = 200


class Relay:
    """Publishes the oldest rows of an outbox; one process at a time should, see `Leases`."""

    def __init__(self, outbox: Outbox, publisher: Publisher) -> None:
        self._outbox = outbox
        self._publisher = publisher

    async def __call__(self) -> int:
        """Publish a chunk and mark what the broker acknowledged; return how many that is.

        A crash between the two publishes again. Raises `Fault`: then nothing is marked that was
        not acknowledged, and the rows stay due.
        """
        pending = await self._outbox.pending(_CHUNK)
        if not pending:
            return 0
        done = await self._publisher.publish(pending)
        await self._outbox.published([record.id for record in pending[:done]])
        return done
