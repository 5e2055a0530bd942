"""How fast batches post, undisturbed and while drift checks run all the time."""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from benchmarks.checking import DEFAULT_LOAD, FULL_LOAD, Checks, worker_checks
from benchmarks.filling import Shape
from benchmarks.measures import Figure, Series
from loyalty_worker.app.database import pool_limits
from loyalty_worker.application.batches import Batch, Posted
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.check_drift import ChunkLimits
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import open_pool
from loyalty_worker.domain.events import EventIdentity, SlipClosed, VisitKind
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import DriftChunk
from loyalty_worker.settings import Settings

CONNECTIONS = 2
_NEEDED = 0.8
_BATCH = 500
_TOPIC = "rating-slip-closed"
_GROUP = "loyalty-accrual"
_BREAKER = BreakerLimits(share=0.5, min_records=100, run=100)
_OPENING = datetime(2026, 3, 14, 18, 0, tzinfo=UTC)
_POLICY = json.dumps(
    {
        "loyalty": {
            "house_edge": "1.5",
            "decisions_per_hour": 70,
            "points_conversion_rate": "10",
            "policy_version": "loyalty_points_v1",
        }
    }
)


class _EnoughError(Exception):
    """Ends a check between two chunks; the next one goes on there."""


@dataclass
class Poster:
    """Posts batches of new slips of the filled players, as the worker does; one of its partitions.

    Players that have much play get most of the slips; a player is in one partition, as events are
    keyed.
    """

    post: PostBatch
    shape: Shape
    partition: int
    rng: random.Random
    offset: int = field(default=0, init=False)

    def batch(self) -> tuple[Batch, list[SlipClosed]]:
        """Make the next batch."""
        start = self.offset
        self.offset += _BATCH
        at = PartitionId(_TOPIC, self.partition)
        records = tuple(
            Record(_TOPIC, self.partition, offset, 0, None, b"a slip", ())
            for offset in range(start, self.offset)
        )
        return Batch(at, 1, start, self.offset, records), [self._slip(one) for one in records]

    async def __call__(self, batches: list[tuple[Batch, list[SlipClosed]]]) -> None:
        """Post batches one after another. Fails where a slip does not earn its points."""
        for batch, slips in batches:
            posted = await self.post(batch, slips)
            if not isinstance(posted, Posted) or any(
                settled.outcome.outcome is not Outcome.ACCRUED for settled in posted.settled
            ):
                raise AssertionError(f"a batch was not posted: {posted}")

    def _slip(self, record: Record) -> SlipClosed:
        rng = self.rng
        mine = self.shape.players // CONNECTIONS
        number = int(mine * rng.random() ** 2) * CONNECTIONS + self.partition
        casino_id, player_id = self.shape.player(number)
        started = _OPENING + timedelta(seconds=rng.randrange(20_000))
        seconds = rng.randrange(60, 14_400)
        return SlipClosed(
            identity=EventIdentity("/casino/rating", f"{self.partition}-{record.offset}"),
            event_time=None,
            casino_id=casino_id,
            rating_slip_id=_uuid(rng),
            visit_id=_uuid(rng),
            visit_kind=VisitKind.GAMING_IDENTIFIED_RATED,
            player_id=player_id,
            table_id=_uuid(rng),
            game_type="blackjack",
            average_bet=Decimal(rng.randrange(500, 50_000)) / 100,
            started_at=started,
            closed_at=started + timedelta(seconds=seconds),
            duration_seconds=seconds,
            gaming_day=None,
            policy_snapshot=_POLICY,
        )


async def measure_posting(
    database: DatabaseUrls, shape: Shape, counted: Iterable[int], batches: int
) -> list[Figure]:
    """Post so many batches per connection, each way once a round; rates in slips per second."""
    rates: dict[str, list[float]] = defaultdict(list)
    checked: list[float] = []
    ways: tuple[tuple[str, ChunkLimits | None], ...] = (
        ("alone", None),
        ("default", DEFAULT_LOAD),
        ("full", FULL_LOAD),
    )
    async with _posters(database, shape) as posters, worker_checks(database) as checks:
        await _post(posters, batches)
        for number in counted:
            turn = number % len(ways)
            for name, limits in ways[turn:] + ways[:turn]:
                if limits is None:
                    rates[name].append(await _post(posters, batches))
                    continue
                async with _checking(checks, limits) as chunks:
                    started = time.perf_counter()
                    rates[name].append(await _post(posters, batches))
                    seconds = time.perf_counter() - started
                if limits is DEFAULT_LOAD:
                    checked.append(sum(chunk.entries for chunk in chunks) / seconds)
    series = {name: Series(tuple(values)) for name, values in rates.items()}
    rate, ratio = "slips/s", "of undisturbed"
    default = f"while checks run, as they come (load {DEFAULT_LOAD.load})"
    return [
        Figure(f"posting on {CONNECTIONS} connections, undisturbed", rate, series["alone"]),
        Figure(default, rate, series["default"]),
        Figure("while checks run, load 1", rate, series["full"]),
        Figure("meanwhile the checks, as they come", "entries/s", Series(tuple(checked))),
        Figure(default, ratio, series["default"].over(series["alone"]), _NEEDED),
        Figure("while checks run, load 1", ratio, series["full"].over(series["alone"])),
    ]


async def _post(posters: list[Poster], count: int) -> float:
    """Post that many batches with each poster at the same time; return slips per second."""
    made = [[poster.batch() for _ in range(count)] for poster in posters]
    started = time.perf_counter()
    await asyncio.gather(*(poster(batches) for poster, batches in zip(posters, made, strict=True)))
    return len(posters) * count * _BATCH / (time.perf_counter() - started)


@asynccontextmanager
async def _posters(database: DatabaseUrls, shape: Shape) -> AsyncIterator[list[Poster]]:
    async with open_pool(
        database.worker, pool_limits(Settings(database_pool_max_size=CONNECTIONS))
    ) as pool:
        ledger = PostgresLedger(pool, 10, lambda _seconds: None)
        for partition in range(CONNECTIONS):
            await ledger.open_generation(_GROUP, PartitionId(_TOPIC, partition), None, 0)
        post = PostBatch(ledger, _GROUP, _BREAKER)
        yield [Poster(post, shape, one, random.Random(one)) for one in range(CONNECTIONS)]


@asynccontextmanager
async def _checking(checks: Checks, limits: ChunkLimits) -> AsyncIterator[list[DriftChunk]]:
    """Check again and again beside what is done here; give the chunks as they are done."""
    chunks: list[DriftChunk] = []
    begun, enough = asyncio.Event(), asyncio.Event()

    def done(chunk: DriftChunk) -> None:
        if begun.is_set():
            chunks.append(chunk)
        begun.set()
        if enough.is_set():
            raise _EnoughError

    async def check() -> None:
        try:
            while True:
                await checks.run(limits, done)
        except _EnoughError:
            return

    checking, beginning = asyncio.create_task(check()), asyncio.create_task(begun.wait())
    await asyncio.wait({checking, beginning}, return_when=asyncio.FIRST_COMPLETED)
    beginning.cancel()
    try:
        yield chunks
    finally:
        enough.set()
        await checking


def _uuid(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)
