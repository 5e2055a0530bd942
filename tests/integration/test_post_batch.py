"""Which batches the database takes, and what it counts of them: position and conservation."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from loyalty_worker.application.batches import Batch, Misplaced, Posted
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.embedded.logins import DatabaseUrls
from slips import SlipFactory, message
from sqltools import add_casino, row_of, value_of

AT = PartitionId("rating-slip-closed", 0)
GROUP = "loyalty-accrual"
BREAKER = BreakerLimits(share=0.5, min_records=100, run=100)
LIMITS = PoolLimits(
    max_size=2,
    connect_timeout_seconds=5,
    statement_timeout_ms=5000,
    lock_timeout_ms=5000,
    idle_in_transaction_timeout_ms=5000,
    close_timeout_seconds=5,
)
COUNTS = (
    "SELECT first_offset, next_offset, accrued, duplicate, skipped, dead_lettered, without_record"
    " FROM consumer_progress WHERE closed_at IS NULL"
)


@dataclass
class Poster:
    """Posts batches of made-up slips to a partition that begins at offset 10."""

    database: DatabaseUrls
    ledger: PostgresLedger
    slips: SlipFactory

    def records(self, *offsets: int) -> tuple[Record, ...]:
        made = [(offset, message(self.slips.event())) for offset in offsets]
        return tuple(
            Record(AT.topic, AT.partition, offset, 0, sent.key, sent.value, sent.headers)
            for offset, sent in made
        )

    async def post(
        self, start: int, end: int, records: tuple[Record, ...] = (), generation: int = 1
    ) -> object:
        batch = Batch(AT, generation, start, end, records)
        decoder = SlipDecoder()
        return await PostBatch(self.ledger, GROUP, BREAKER)(
            batch, [decoder(record) for record in records]
        )

    async def counts(self) -> tuple[int, ...]:
        return tuple(await row_of(self.database, COUNTS))

    async def entries(self) -> int:
        return await value_of(self.database, "SELECT count(*) FROM loyalty_ledger")


@pytest.fixture
async def poster(database: DatabaseUrls) -> AsyncIterator[Poster]:
    slips = SlipFactory()
    await add_casino(database, slips.casino_id)
    async with open_pool(database.worker, LIMITS) as pool:
        ledger = PostgresLedger(pool, 5, lambda _seconds: None)
        await ledger.open_generation(GROUP, AT, None, 10)
        yield Poster(database, ledger, slips)


async def test_a_batch_is_counted_with_the_offsets_that_hold_no_record(poster: Poster) -> None:
    verdict = await poster.post(10, 20, poster.records(11, 15))
    assert isinstance(verdict, Posted)
    assert await poster.counts() == (10, 20, 2, 0, 0, 0, 8)


async def test_a_range_without_any_record_moves_the_position_as_well(poster: Poster) -> None:
    assert await poster.post(10, 13) == Posted((), 0, 13)
    assert await poster.counts() == (10, 13, 0, 0, 0, 0, 3)


async def test_a_range_that_begins_above_the_position_is_refused_whole(poster: Poster) -> None:
    assert await poster.post(12, 14, poster.records(12, 13)) == Misplaced(10)
    assert await poster.counts() == (10, 10, 0, 0, 0, 0, 0)
    assert await poster.entries() == 0


async def test_a_range_of_another_generation_is_refused_whole(poster: Poster) -> None:
    late = poster.records(10, 11)
    await poster.ledger.open_generation(GROUP, AT, 1, 0)
    assert await poster.post(10, 12, late, generation=1) == Misplaced(None)
    assert await poster.counts() == (0, 0, 0, 0, 0, 0, 0)
    assert await poster.entries() == 0


async def test_a_zombies_late_batch_changes_nothing(poster: Poster) -> None:
    records = poster.records(10, 11, 12)
    await poster.post(10, 13, records)
    before = await poster.counts()
    assert await poster.post(10, 13, records) == Posted((), 3, 13)
    assert await poster.counts() == before
    assert await poster.entries() == 3


async def test_of_a_range_across_the_position_only_what_is_new_is_counted(poster: Poster) -> None:
    records = poster.records(10, 11, 12, 13)
    await poster.post(10, 12, records[:2])
    verdict = await poster.post(10, 14, records)
    assert isinstance(verdict, Posted)
    assert [settled.record.offset for settled in verdict.settled] == [12, 13]
    assert verdict.redelivered == 2
    assert await poster.counts() == (10, 14, 4, 0, 0, 0, 0)


async def test_a_slip_of_a_casino_that_nobody_provisioned_is_kept_and_its_neighbours_post(
    poster: Poster,
) -> None:
    own = poster.records(10, 12)
    stranger = message(SlipFactory(seed=7).event())
    lost = Record(AT.topic, 0, 11, 0, stranger.key, stranger.value, stranger.headers)
    await poster.post(10, 13, (own[0], lost, own[1]))
    assert await poster.counts() == (10, 13, 2, 0, 0, 1, 0)
    letter = await row_of(poster.database, 'SELECT reason, sqlstate, "offset" FROM dead_letter')
    assert tuple(letter) == ("LOYALTY_CASINO_UNKNOWN", "LY027", 11)
    assert await value_of(poster.database, "SELECT count(*) FROM rating_slip") == 2
