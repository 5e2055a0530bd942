"""What broker and database say of an evening, read as an auditor would: from outside the worker."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from loyalty_worker.database.connection import connection
from loyalty_worker.demo.stage import PARTITIONS, TOPIC, Stage
from loyalty_worker.demo.statement import Statement, read_statement
from loyalty_worker.demo.tally import Account
from loyalty_worker.domain.outcomes import Outcome

GROUP: Final = "loyalty-accrual"
OUTCOMES: Final = (Outcome.ACCRUED, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.DEAD_LETTERED)

_PROGRESS: Final = (
    "SELECT coalesce(sum(next_offset - first_offset), 0)::bigint AS processed,"
    " coalesce(sum(accrued), 0)::bigint AS accrued,"
    " coalesce(sum(duplicate), 0)::bigint AS duplicate,"
    " coalesce(sum(skipped), 0)::bigint AS skipped,"
    " coalesce(sum(dead_lettered), 0)::bigint AS dead_lettered"
    " FROM consumer_progress WHERE consumer_group = $1 AND topic = $2"
)
_LEDGER: Final = (
    "SELECT count(*) AS entries, coalesce(sum(points_delta), 0)::bigint AS points"
    " FROM loyalty_ledger"
)
_LETTERS: Final = "SELECT reason, count(*) AS letters FROM dead_letter GROUP BY reason"
_BALANCES: Final = "SELECT casino_id, player_id, current_balance FROM player_loyalty"
_NEWS: Final = (
    "(SELECT l.created_at AS at, c.name AS casino, s.game_type AS game, s.table_id,"
    " l.points_delta AS points, NULL AS reason"
    " FROM loyalty_ledger AS l JOIN casino AS c ON c.id = l.casino_id"
    " JOIN rating_slip AS s ON s.casino_id = l.casino_id AND s.id = l.rating_slip_id"
    " ORDER BY l.created_at DESC LIMIT $1)"
    " UNION ALL (SELECT occurred_at, c.name, NULL, NULL, NULL, reason"
    " FROM dead_letter LEFT JOIN casino AS c ON c.id = casino_id"
    " ORDER BY occurred_at DESC LIMIT $1)"
    " ORDER BY at DESC LIMIT $1"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the evening is: `published` by the broker's ends, the rest by the database."""

    published: int = 0
    processed: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)
    entries: int = 0
    points: int = 0

    @property
    def lag(self) -> int:
        """Records that are on the topic and not in the database yet."""
        return self.published - self.processed


@dataclass(frozen=True, slots=True)
class News:
    """An entry, or the dead letter that has a `reason`; no player is named."""

    at: datetime
    casino: str | None
    game: str | None
    table_id: UUID | None
    points: int | None
    reason: str | None


class Books:
    """The open books; `reader` is the read-only login, which sees all casinos."""

    def __init__(
        self, stage: Stage, reader: asyncpg.Connection, consumer: AIOKafkaConsumer
    ) -> None:
        self._stage = stage
        self._reader = reader
        self._consumer = consumer
        self._partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]

    async def progress(self) -> Progress:
        """Return how far the evening is, the database in one snapshot."""
        # The broker last: what is processed was published before.
        async with self._reader.transaction(isolation="repeatable_read", readonly=True):
            (counts,) = await self._reader.fetch(_PROGRESS, GROUP, TOPIC)
            (ledger,) = await self._reader.fetch(_LEDGER)
            letters = await self._reader.fetch(_LETTERS)
        return Progress(
            published=sum((await self.ends()).values()),
            processed=counts["processed"],
            outcomes={outcome: counts[outcome.value] for outcome in OUTCOMES},
            letters={row["reason"]: row["letters"] for row in letters},
            entries=ledger["entries"],
            points=ledger["points"],
        )

    async def ends(self) -> dict[int, int]:
        """Return the end offset of each partition."""
        ends = await self._consumer.end_offsets(self._partitions)
        return {at.partition: offset for at, offset in ends.items()}

    async def committed(self) -> dict[int, int]:
        """Return the offset of each partition that the group has committed, where there is one."""
        client = AIOKafkaAdminClient(bootstrap_servers=self._stage.bootstrap_servers)
        await client.start()
        try:
            offsets = await client.list_consumer_group_offsets(GROUP)
        finally:
            await client.close()
        return {at.partition: found.offset for at, found in offsets.items() if at.topic == TOPIC}

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
        return [News(**dict(row)) for row in await self._reader.fetch(_NEWS, limit)]

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
