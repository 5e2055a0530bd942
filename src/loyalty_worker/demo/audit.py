"""What broker and database say of an evening, read as an auditor would: from outside the worker."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer

from loyalty_worker.database.connection import connection
from loyalty_worker.demo.books import EveningProgress, Progress
from loyalty_worker.demo.messages import Topic
from loyalty_worker.demo.news import News, read_news
from loyalty_worker.demo.offsets import GROUPS, committed_offsets, end_offsets
from loyalty_worker.demo.stage import TOPICS, Stage
from loyalty_worker.demo.statement import Statement, read_statement
from loyalty_worker.demo.tally import Account
from loyalty_worker.domain.entries import LedgerReason
from loyalty_worker.domain.outcomes import Outcome

_REASONS: Final = {
    Topic.RATING_SLIP_CLOSED: LedgerReason.BASE_ACCRUAL,
    Topic.PROMOTION: LedgerReason.PROMOTION,
}

_PROGRESS: Final = (
    "SELECT coalesce(sum(next_offset - first_offset), 0)::bigint AS processed,"
    " coalesce(sum(accrued), 0)::bigint AS accrued,"
    " coalesce(sum(duplicate), 0)::bigint AS duplicate,"
    " coalesce(sum(skipped), 0)::bigint AS skipped,"
    " coalesce(sum(parked), 0)::bigint AS parked,"
    " coalesce(sum(dead_lettered), 0)::bigint AS dead_lettered"
    " FROM consumer_progress WHERE consumer_group = $1 AND topic = $2"
)
_LEDGER: Final = (
    "SELECT count(*) AS entries, coalesce(sum(points_delta), 0)::bigint AS points"
    " FROM loyalty_ledger WHERE reason = $1"
)
_LETTERS: Final = (
    "SELECT reason, count(*) AS letters FROM dead_letter WHERE topic = $1 GROUP BY reason"
)
_PARKED: Final = (
    "SELECT outcome, count(*) AS events FROM parked_event WHERE topic = $1 GROUP BY outcome"
)
_BALANCES: Final = "SELECT casino_id, player_id, current_balance FROM player_loyalty"


class Books:
    """The open books; `reader` is the read-only login, which sees all casinos."""

    def __init__(
        self, stage: Stage, reader: asyncpg.Connection, consumer: AIOKafkaConsumer
    ) -> None:
        self._stage = stage
        self._reader = reader
        self._consumer = consumer

    async def progress(self) -> EveningProgress:
        """Return how far the evening is, the database in one snapshot."""
        # The broker last: what is processed was published before.
        async with self._reader.transaction(isolation="repeatable_read", readonly=True):
            slips = await self._processed(Topic.RATING_SLIP_CLOSED)
            promotions = await self._processed(Topic.PROMOTION)
        return EveningProgress(
            replace(slips, published=await self._published(Topic.RATING_SLIP_CLOSED)),
            replace(promotions, published=await self._published(Topic.PROMOTION)),
        )

    async def _published(self, topic: Topic) -> int:
        return sum((await self.ends(topic)).values())

    async def _processed(self, topic: Topic) -> Progress:
        name = TOPICS[topic]
        (counts,) = await self._reader.fetch(_PROGRESS, GROUPS[topic], name)
        (ledger,) = await self._reader.fetch(_LEDGER, _REASONS[topic].value)
        letters = await self._reader.fetch(_LETTERS, name)
        parked = {row["outcome"]: row["events"] for row in await self._reader.fetch(_PARKED, name)}
        waiting = parked.pop(None, 0)
        return Progress(
            processed=counts["processed"],
            outcomes={outcome: counts[outcome.value] for outcome in Outcome},
            released={Outcome(outcome): count for outcome, count in parked.items()},
            waiting=waiting,
            letters={row["reason"]: row["letters"] for row in letters},
            entries=ledger["entries"],
            points=ledger["points"],
        )

    async def ends(self, topic: Topic) -> dict[int, int]:
        """Return the end offset of each partition."""
        return await end_offsets(self._consumer, topic)

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return the offset of each partition that its group has committed, where there is one."""
        return await committed_offsets(self._stage.bootstrap_servers, topic)

    async def balances(self) -> Counter[Account]:
        """Return each player's balance at each casino."""
        rows = await self._reader.fetch(_BALANCES)
        return Counter(
            {(row["casino_id"], row["player_id"]): row["current_balance"] for row in rows}
        )

    async def drift(self) -> int:
        """Return how many disagreements the drift check finds, over all casinos."""
        return len(await self._reader.fetch("SELECT kind FROM check_loyalty_balance_drift()"))

    async def news(self, limit: int) -> Sequence[News]:
        """Return the newest entries and dead letters, newest first."""
        return await read_news(self._reader, limit)

    async def statement(self, limit: int) -> Statement | None:
        """Return a statement of some player, of at most `limit` entries."""
        return await read_statement(self._reader, limit)


@asynccontextmanager
async def open_books(stage: Stage) -> AsyncIterator[Books]:
    """Open the books; raises `DatabaseUnavailable`, or the broker's `KafkaError`."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.bootstrap_servers, group_id=None)
    async with (
        connection(stage.database.readonly, application_name="loyalty-demo") as reader,
        consumer,
    ):
        yield Books(stage, reader, consumer)
