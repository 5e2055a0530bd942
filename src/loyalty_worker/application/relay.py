"""The relay: what the database says is to be published goes to Kafka, at least once, in order."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from loyalty_worker.ports import Fault, Outbox, OutgoingRecord, Publisher

_CHUNK = 200


class Relay:
    """Publishes the oldest rows of an outbox; one process at a time should, see `Leases`.

    A round takes at most `seconds`.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, seconds: float) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._seconds = seconds

    async def __call__(self) -> int:
        """Publish a chunk and mark what the broker acknowledged; return how many that is.

        A crash between the two publishes again. The topics of a chunk are published side by side:
        one that fails, or does not answer, stops no other, though each goes on by a chunk a round.
        Raises `Fault` in the end: nothing is marked that was not acknowledged, and the rest stays
        due.
        """
        pending: list[OutgoingRecord] | None = None
        try:
            async with asyncio.timeout(self._seconds):
                pending = sorted(await self._outbox.pending(_CHUNK), key=attrgetter("topic"))
                results = await asyncio.gather(
                    *(
                        self._publish(list(records))
                        for _, records in groupby(pending, key=attrgetter("topic"))
                    ),
                    return_exceptions=True,
                )
        except TimeoutError:
            raise Fault("database_timeout" if pending is None else "kafka_unreachable") from None
        failures = [result for result in results if isinstance(result, BaseException)]
        # a mistake of ours first: a fault of another topic must not hide it
        for failure in sorted(failures, key=lambda one: isinstance(one, Fault)):
            raise failure
        return sum(result for result in results if isinstance(result, int))

    async def _publish(self, of_topic: Sequence[OutgoingRecord]) -> int:
        published = await self._publisher.publish(of_topic)
        await self._outbox.published([record.id for record in of_topic[:published]])
        return published
