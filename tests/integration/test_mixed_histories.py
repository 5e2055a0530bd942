"""Slips and promotions in any order and batch, at once on two connections: what must come of them.

The model knows only what was published: base points per slip in fractions, and per campaign on a
slip the terms that were offered.
"""

import asyncio
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest

from loyalty_worker.application.batches import Batch, Posted
from loyalty_worker.application.breaker import BreakerLimits
from loyalty_worker.application.post_batch import PostBatch
from loyalty_worker.application.release_parked import ReleaseParked
from loyalty_worker.consumers.decoder import PromotionDecoder, SlipDecoder, TopicDecoders
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.database.stored import StoredRecords
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import Fault, StoredRecord
from promotions import promotion
from reckoning import points_of
from slips import SlipFactory, message, same_slip_other_event, seeded_uuid
from sqltools import add_casino, connected, drift_of

LIMITS = PoolLimits(
    max_size=4,
    connect_timeout_seconds=5,
    statement_timeout_ms=10_000,
    lock_timeout_ms=10_000,
    idle_in_transaction_timeout_ms=10_000,
    close_timeout_seconds=5,
)
NEVER = BreakerLimits(share=1, min_records=100_000, run=100_000)
SLIPS, PROMOTIONS = PartitionId("slips", 0), PartitionId("promotions", 0)
DECODERS = {SLIPS.topic: SlipDecoder(), PROMOTIONS.topic: PromotionDecoder()}


class History:
    """What one seed publishes: rated slips, ghosts, repeats, awards before and after, conflicts."""

    def __init__(self, seed: int) -> None:
        self.factory = SlipFactory(seed, players=4)
        rng = self.rng = self.factory.rng
        rated = [self.factory.event() for _ in range(12)]
        ghosts = [self.factory.ghost() for _ in range(3)]
        stranger = SlipFactory(seed + 10_000).event()
        slips = [*rated, *ghosts, stranger]
        slips += [same_slip_other_event(slip, rng) for slip in rng.sample(rated, 4)]
        slips += rng.sample(rated, 3)
        self.base = {slip["data"]["rating_slip_id"]: points_of(slip["data"]) for slip in rated}
        self.ghosts = {slip["data"]["rating_slip_id"] for slip in ghosts}
        awards = [
            promotion(rng, slip, f"campaign {number}", **self._terms())
            for slip in [*rated, *ghosts, stranger]
            for number in range(rng.randrange(3))
        ]
        awards += rng.sample(awards, min(4, len(awards)))
        awards += [{**award, "id": seeded_uuid(rng)} for award in awards[:3]]
        awards += [promotion(rng, rated[0], "campaign 0", bonus_points=n) for n in (7, 8)]
        rng.shuffle(slips)
        rng.shuffle(awards)
        self.slips, self.awards = slips, awards
        self.offered: dict[tuple[str, str], set[int]] = defaultdict(set)
        for award in awards:
            data = award["data"]
            if data["rating_slip_id"] in self.base:
                key = (data["rating_slip_id"], data["campaign_id"])
                self.offered[key].add(_points(self.base[data["rating_slip_id"]], data))

    def _terms(self) -> dict[str, object]:
        if self.rng.random() < 0.5:
            return {"bonus_points": self.rng.randrange(1, 50)}
        return {"promo_multiplier": self.rng.choice(["1", "1.5", "2.25"])}

    def records(self, at: PartitionId, events: list[dict[str, Any]]) -> list[Record]:
        return [
            Record(at.topic, at.partition, offset, 1_000 + offset, m.key, m.value, m.headers)
            for offset, m in enumerate(map(message, events))
        ]


def _points(base: int, data: dict[str, Any]) -> int:
    if "bonus_points" in data:
        return int(data["bonus_points"])
    multiplied = base * int(float(data["promo_multiplier"]) * 100)
    return (multiplied * 2 + 100) // 200 - base


async def consume(
    ledger: PostgresLedger, at: PartitionId, records: list[Record], rng: random.Random
) -> None:
    """Post the records in batches of any size; a third of the batches comes twice."""
    post = PostBatch(ledger, f"{at.topic}-group", NEVER)
    await ledger.open_generation(f"{at.topic}-group", at, None, 0)
    start = 0
    while start < len(records):
        end = min(len(records), start + rng.randrange(1, 8))
        batch = Batch(at, 1, start, end, tuple(records[start:end]))
        for _ in range(rng.choice([1, 1, 2])):
            verdict = await post(batch, [DECODERS[at.topic](one) for one in batch.records])
            assert isinstance(verdict, Posted), verdict
        start = end


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_the_order_every_award_posts_once_and_nothing_waits_without_cause(
    seed: int, database: DatabaseUrls
) -> None:
    history = History(seed)
    await add_casino(database, history.factory.casino_id)
    failures: list[tuple[StoredRecord, Fault]] = []
    async with open_pool(database.worker, LIMITS) as pool:
        ledger = PostgresLedger(pool, 5, lambda _seconds: None)
        stored = StoredRecords(pool, 5, lambda _seconds: None)
        await asyncio.gather(
            consume(ledger, SLIPS, history.records(SLIPS, history.slips), random.Random(seed)),
            consume(
                ledger,
                PROMOTIONS,
                history.records(PROMOTIONS, history.awards),
                random.Random(-seed),
            ),
        )
        sweep = ReleaseParked(
            ledger,
            stored,
            TopicDecoders(DECODERS),
            timedelta(days=7),
            lambda *failure: failures.append(failure),
        )
        await sweep()
        assert await sweep() == []
    assert failures == []
    async with connected(database.superuser) as connection:
        entries = await connection.fetch(
            "SELECT rating_slip_id::text, campaign_id, reason, points_delta FROM loyalty_ledger"
        )
        waiting = await connection.fetchval(
            "SELECT count(*) FROM parked_event WHERE outcome IS NULL"
        )
        letters = await connection.fetch("SELECT reason, topic FROM dead_letter")
        progress = await connection.fetch("SELECT * FROM consumer_progress")
    base = {row[0]: row[3] for row in entries if row[2] == "base_accrual"}
    awarded = {(row[0], row[1]): row[3] for row in entries if row[2] == "promotion"}
    assert base == history.base
    assert awarded.keys() == history.offered.keys()
    assert len(entries) == len(base) + len(awarded)
    assert all(points in history.offered[key] for key, points in awarded.items())
    assert waiting == 0
    reasons = Counter(row[0] for row in letters)
    assert set(reasons) <= {"LOYALTY_CASINO_UNKNOWN", "LOYALTY_IDEMPOTENCY_CONFLICT"}
    assert await drift_of(database, history.factory.casino_id) == []
    for row, total in (
        (next(r for r in progress if r["topic"] == SLIPS.topic), len(history.slips)),
        (next(r for r in progress if r["topic"] == PROMOTIONS.topic), len(history.awards)),
    ):
        assert row["next_offset"] == sum(row[outcome.value] for outcome in Outcome) == total
