"""The fake ledger and the real one pass the same scenarios: the simulation is about both."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from loyalty_worker.application.batches import Batch, Misplaced, Posted
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Advance, Fault, Ledger
from simulation.database import FakeLedger, Server
from simulation.weather import Process, Weather
from slips import SlipFactory, message, same_slip_other_event
from sqltools import add_casino

AT = PartitionId("rating-slip-closed", 0)
GROUP = "loyalty-accrual"
_BREAKER = BreakerLimits(share=1.0, min_records=1000, run=1000)
_LIMITS = PoolLimits(
    max_size=3,
    connect_timeout_seconds=5,
    statement_timeout_ms=5000,
    lock_timeout_ms=5000,
    idle_in_transaction_timeout_ms=5000,
    close_timeout_seconds=5,
)


@dataclass
class Bench:
    """A ledger of either kind, and slips of a casino that it knows."""

    ledger: Ledger
    slips: SlipFactory

    def record(self, offset: int, event: dict[str, object]) -> Record:
        sent = message(event)
        return Record(AT.topic, AT.partition, offset, 0, sent.key, sent.value, sent.headers)

    async def post(self, start: int, end: int, *records: Record, generation: int = 1) -> object:
        decoder = SlipDecoder()
        batch = Batch(AT, generation, start, end, records)
        post = PostBatch(self.ledger, GROUP, _BREAKER)
        return await post(batch, [decoder(record) for record in records])


@pytest.fixture(params=["fake", "real"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    slips = SlipFactory()
    if request.param == "fake":
        weather = Weather(random.Random(0))
        weather.is_clear = True
        yield Bench(FakeLedger(Server(), Process(1), weather), slips)
        return
    database = request.getfixturevalue("database")
    await add_casino(database, slips.casino_id)
    async with open_pool(database.worker, _LIMITS) as pool:
        yield Bench(PostgresLedger(pool, 5, lambda _seconds: None), slips)


async def test_the_first_to_open_a_generation_decides_where_it_begins(bench: Bench) -> None:
    assert await bench.ledger.read_progress(GROUP, AT) is None
    first = await bench.ledger.open_generation(GROUP, AT, None, 10)
    assert await bench.ledger.open_generation(GROUP, AT, None, 3) == first
    second = await bench.ledger.open_generation(GROUP, AT, 1, 0)
    assert (second.generation, second.next_offset) == (2, 0)
    assert await bench.ledger.open_generation(GROUP, AT, 1, 7) == second
    assert await bench.ledger.read_progress(GROUP, AT) == second


async def test_only_a_range_that_joins_on_is_taken(bench: Bench) -> None:
    await bench.ledger.open_generation(GROUP, AT, None, 10)
    assert await bench.post(12, 14) == Misplaced(10)
    assert await bench.post(10, 14, generation=2) == Misplaced(None)
    assert await bench.post(10, 14) == Posted((), 0, 14)


async def test_outcomes_and_redeliveries_are_the_same(bench: Bench) -> None:
    await bench.ledger.open_generation(GROUP, AT, None, 0)
    slip = bench.slips.event()
    other = same_slip_other_event(slip, bench.slips.rng)
    records = [bench.record(n, e) for n, e in enumerate((slip, slip, other, bench.slips.ghost()))]
    posted = await bench.post(0, 5, *records)
    assert isinstance(posted, Posted)
    assert [(one.outcome.outcome, one.outcome.duplicate_by) for one in posted.settled] == [
        (Outcome.ACCRUED, None),
        (Outcome.DUPLICATE, "key"),
        (Outcome.DUPLICATE, "natural_key"),
        (Outcome.SKIPPED, None),
    ]
    assert await bench.post(0, 5, *records) == Posted((), 4, 5)
    progress = await bench.ledger.read_progress(GROUP, AT)
    assert progress is not None
    assert (progress.next_offset, progress.last_record_offset) == (5, 3)
    assert progress.last_record_hash == records[3].fingerprint()


async def test_what_is_rolled_back_leaves_nothing(bench: Bench) -> None:
    opened = await bench.ledger.open_generation(GROUP, AT, None, 0)
    with pytest.raises(ZeroDivisionError):
        await _advance_and_fail(bench.ledger)
    async with bench.ledger.rehearsal((), "test") as tx:
        await tx.advance_progress(GROUP, AT, 1, Advance(2, None, None, without_record=2))
    assert await bench.ledger.read_progress(GROUP, AT) == opened


async def test_counts_that_do_not_sum_to_the_offsets_are_a_fault(bench: Bench) -> None:
    await bench.ledger.open_generation(GROUP, AT, None, 0)
    with pytest.raises(Fault):
        async with bench.ledger.transaction((), "test") as tx:
            await tx.advance_progress(GROUP, AT, 1, Advance(2, None, None, accrued=3))


async def test_who_waits_for_the_progress_sees_what_was_committed(bench: Bench) -> None:
    await bench.ledger.open_generation(GROUP, AT, None, 0)
    first, second = await asyncio.gather(bench.post(0, 3), bench.post(0, 3))
    assert first == second == Posted((), 0, 3)
    progress = await bench.ledger.read_progress(GROUP, AT)
    assert progress is not None
    assert progress.next_offset == 3


async def _advance_and_fail(ledger: Ledger) -> None:
    async with ledger.transaction((), "test") as tx:
        await tx.advance_progress(GROUP, AT, 1, Advance(2, None, None, without_record=2))
        raise ZeroDivisionError
