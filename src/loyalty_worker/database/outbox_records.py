"""Records that wait to be published, as rows; a row goes when the broker has the record."""

import re
from collections.abc import Collection, Sequence

from loyalty_worker.database.record_columns import stored_headers
from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Pool
from loyalty_worker.ports import OutgoingRecord
from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_MOST_NAMED = 3


class OutboxRecords:
    """The outbox of drift alerts and of the schedule's requests, of these `topics` alone.

    Operators may add rows, for a person may run a check. They may not thereby publish, with the
    worker's login to Kafka, a slip that earns points.
    """

    def __init__(self, pool: "Pool", acquire_timeout: float, topics: Collection[str]) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._topics = topics
        self._left: set[str] = set()

    async def pending(self, limit: int) -> list[OutgoingRecord]:
        """Return the oldest records. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                rows = await connection.fetch("SELECT * FROM pending_outbox($1)", limit)
        self._say_left({row["topic"] for row in rows}.difference(self._topics))
        return [
            OutgoingRecord(
                id=row["id"],
                topic=row["topic"],
                lane=None,
                key=row["key"],
                value=row["value"],
                headers=stored_headers(row["headers"]),
            )
            for row in rows
            if row["topic"] in self._topics
        ]

    def _say_left(self, topics: set[str]) -> None:
        if topics - self._left:
            # whoever wrote a row may have put anything in a name's place
            named = sorted(filter(_TOPIC_NAME.fullmatch, topics))[:_MOST_NAMED]
            _log.error(
                "outbox_topic_refused",
                topics=named,
                others=len(topics) - len(named),
                ours=sorted(self._topics),
                hint="outbox_record holds rows of topics that are not this worker's; they stay."
                " Compare the LOYALTY_TOPIC_DRIFT_ settings of the worker and of the command line,"
                " and ask who wrote the rows",
            )
        self._left = topics

    async def published(self, ids: Sequence[int]) -> None:
        """Remove records that the broker has acknowledged. Raises `Fault`."""
        with faults():
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                await connection.execute("SELECT delete_outbox($1)", list(ids))
