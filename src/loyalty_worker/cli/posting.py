"""What commands that post need: the worker's login, the ledger, what is kept, the decoders."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from loyalty_worker.cli.options import worker_url
from loyalty_worker.cli.output import say
from loyalty_worker.consumers.decoder import TopicDecoders, event_decoders
from loyalty_worker.database.ledger import PostgresLedger
from loyalty_worker.database.pool import PoolLimits, open_pool
from loyalty_worker.database.stored import StoredRecords
from loyalty_worker.ports import Fault, Released, StoredRecord
from loyalty_worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Posting:
    """The worker's parts that bring kept records back."""

    ledger: PostgresLedger
    stored: StoredRecords
    decoder: TopicDecoders


@asynccontextmanager
async def posting(settings: Settings) -> AsyncIterator[Posting]:
    """Open the worker's parts."""
    patience = settings.database_acquire_timeout_seconds
    decoder = event_decoders(settings.topic_rating_slip_closed, settings.topic_promotion)
    async with command_pool(settings, worker_url(settings)) as pool:
        yield Posting(
            PostgresLedger(pool, patience, _ignore),
            StoredRecords(pool, patience, _ignore),
            decoder,
        )


@asynccontextmanager
async def command_pool(settings: Settings, url: str) -> AsyncIterator[asyncpg.Pool]:
    """Open a command's pool, with the worker's limits."""
    limits = PoolLimits(
        max_size=2,
        connect_timeout_seconds=settings.database_connect_timeout_seconds,
        statement_timeout_ms=settings.database_statement_timeout_ms,
        lock_timeout_ms=settings.database_lock_timeout_ms,
        idle_in_transaction_timeout_ms=settings.database_idle_in_transaction_timeout_ms,
        close_timeout_seconds=settings.database_connect_timeout_seconds,
    )
    async with open_pool(url, limits) as pool:
        yield pool


def say_failure(stored: StoredRecord, fault: Fault) -> None:
    """Tell the person of a kept record that fails for no known reason; it stays as it is."""
    record = stored.record
    place = f"{record.topic}/{record.partition}, offset {record.offset}"
    if fault.reason == "topic_unknown":
        say(
            f"{place} stays kept: its topic is none of those whose events are posted; check"
            " LOYALTY_TOPIC_…, or close the letter with `loyalty dlq discard`"
        )
    else:
        say(f"{place} fails with {fault}; it stays kept, the others go on")


def outcome_rows(released: Iterable[Released]) -> list[dict[str, object]]:
    """Count what became of records, by topic, outcome and reason; with the points minted."""
    counts: Counter[tuple[str, str, str]] = Counter()
    points: Counter[tuple[str, str, str]] = Counter()
    for one in released:
        outcome = one.outcome
        key = (one.topic, outcome.outcome.value, outcome.reason or "-")
        counts[key] += 1
        points[key] += outcome.points
    return [
        {
            "topic": topic,
            "outcome": outcome,
            "reason": reason,
            "records": counts[topic, outcome, reason],
            "points": points[topic, outcome, reason],
        }
        for topic, outcome, reason in sorted(counts)
    ]


def _ignore(_seconds: float) -> None:
    """A command has no metrics to show how long it waited."""
