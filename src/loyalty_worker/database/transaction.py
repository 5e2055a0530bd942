"""One open transaction of the ledger: one method per SQL function.

Batches travel as parallel arrays of typed columns, which PostgreSQL unpacks several times faster
than one JSON document.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from loyalty_worker.database.letters import letter_columns
from loyalty_worker.database.parked import parked_columns
from loyalty_worker.database.promotions import promotion_columns
from loyalty_worker.database.slips import slip_columns
from loyalty_worker.database.types import Connection
from loyalty_worker.domain.events import Decoded, Event, PromotionAwarded, SlipClosed
from loyalty_worker.domain.outcomes import DuplicateBy, Outcome, RecordOutcome
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports import Advance, Halt, Obstacles, Posting, Progress, Released


class PostgresLedgerTransaction:
    """One open transaction of the ledger."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def lock_progress(self, group: str, at: PartitionId) -> Progress | None:
        """Lock the partition's current progress row."""
        row = await self._connection.fetchrow(
            "SELECT * FROM lock_consumer_progress($1, $2, $3)", group, at.topic, at.partition
        )
        return None if row is None else Progress(**dict(row))

    async def obstacles(self, group: str, at: PartitionId, start: int, end: int) -> Obstacles:
        """Return the topic's halt, and the quarantined records of the range."""
        row = await self._connection.fetchrow(
            "SELECT * FROM batch_obstacles($1, $2, $3, $4, $5)",
            group,
            at.topic,
            at.partition,
            start,
            end,
        )
        if row is None:
            return Obstacles()
        halt = None
        if row["halt_reason"] is not None:
            halt = Halt(
                row["halt_reason"], row["halt_detail"], row["halt_partition"], row["halt_offset"]
            )
        quarantined = zip(row["quarantined_offsets"], row["quarantined_hashes"], strict=True)
        return Obstacles(halt, frozenset(quarantined))

    async def record_halt(self, group: str, topic: str, halt: Halt) -> None:
        """Halt the topic for the group."""
        await self._connection.execute(
            "SELECT record_halt($1, $2, $3, $4, $5, $6)",
            group,
            topic,
            halt.partition,
            halt.offset,
            halt.reason,
            halt.detail,
        )

    async def post_closed_slips(self, slips: Sequence[tuple[Record, SlipClosed]]) -> list[Posting]:
        """Post slips of one partition in order; one posting each."""
        at = slips[0][0]
        rows = await self._connection.fetch(
            "SELECT verdict, duplicate_by, refusal, detail, points FROM post_closed_slips("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
            " ORDER BY ordinal",
            *slip_columns(at.topic, at.partition, slips),
        )
        return [_posting(row) for row in rows]

    async def post_promotions(
        self, promotions: Sequence[tuple[Record, PromotionAwarded]]
    ) -> list[Posting]:
        """Post promotions of one partition in order; one posting each."""
        at = promotions[0][0]
        rows = await self._connection.fetch(
            "SELECT verdict, duplicate_by, refusal, detail, points FROM post_promotions("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ORDER BY ordinal",
            *promotion_columns(at.topic, at.partition, promotions),
        )
        return [_posting(row) for row in rows]

    async def release_parked_promotions(self, slips: Sequence[tuple[UUID, UUID]]) -> list[Released]:
        """Settle the parked promotions of slips (casino, slip) just accrued or skipped."""
        rows = await self._connection.fetch(
            "SELECT topic, outcome, duplicate_by, reason, sqlstate, points"
            " FROM release_parked_promotions($1, $2)",
            [casino_id for casino_id, _ in slips],
            [slip_id for _, slip_id in slips],
        )
        return [
            Released(
                row["topic"],
                RecordOutcome(
                    Outcome(row["outcome"]),
                    duplicate_by=DuplicateBy(row["duplicate_by"]) if row["duplicate_by"] else None,
                    reason=row["reason"],
                    sqlstate=row["sqlstate"],
                    points=row["points"] or 0,
                ),
            )
            for row in rows
        ]

    async def park_events(
        self, group: str, events: Sequence[tuple[Record, Event, RecordOutcome]]
    ) -> None:
        """Keep events of one partition that wait."""
        at = events[0][0]
        await self._connection.execute(
            "SELECT park_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
            " $16, $17, $18, $19, $20)",
            group,
            at.topic,
            at.partition,
            *parked_columns(events),
        )

    async def close_parked_events(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        """Write down what became of parked rows."""
        await self._connection.execute(
            "SELECT close_parked_events($1, $2, $3, $4, $5)", *_closing_columns(closings)
        )

    async def close_letters(self, closings: Sequence[tuple[int, RecordOutcome]]) -> None:
        """Write down what a redrive made of open letters."""
        await self._connection.execute(
            "SELECT close_redriven_letters($1, $2, $3, $4, $5)", *_closing_columns(closings)
        )

    async def file_dead_letters(
        self, group: str, letters: Sequence[tuple[Record, Decoded, RecordOutcome]]
    ) -> None:
        """Keep records of one partition that cannot succeed."""
        at = letters[0][0]
        await self._connection.execute(
            "SELECT file_dead_letters("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            group,
            at.topic,
            at.partition,
            *letter_columns(letters),
        )

    async def resolve_dead_letters(self, records: Sequence[Record]) -> int:
        """Mark open letters of these records of one partition as resolved."""
        at = records[0]
        resolved: int = await self._connection.fetchval(
            "SELECT resolve_dead_letters($1, $2, $3, $4)",
            at.topic,
            at.partition,
            [record.offset for record in records],
            [record.fingerprint() for record in records],
        )
        return resolved

    async def advance_progress(
        self, group: str, at: PartitionId, generation: int, advance: Advance
    ) -> None:
        """Move the partition's position and counts."""
        await self._connection.execute(
            "SELECT advance_consumer_progress("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            group,
            at.topic,
            at.partition,
            generation,
            advance.next_offset,
            advance.last_record_offset,
            advance.last_record_hash,
            advance.accrued,
            advance.duplicate,
            advance.skipped,
            advance.parked,
            advance.dead_lettered,
            advance.without_record,
        )


def _posting(row: asyncpg.Record) -> Posting:
    return Posting(
        verdict=row["verdict"],
        duplicate_by=DuplicateBy(row["duplicate_by"]) if row["duplicate_by"] else None,
        refusal=row["refusal"],
        detail=row["detail"],
        points=row["points"] or 0,
    )


def _closing_columns(closings: Sequence[tuple[int, RecordOutcome]]) -> tuple[object, ...]:
    outcomes = [outcome for _, outcome in closings]
    return (
        [row_id for row_id, _ in closings],
        [outcome.outcome.value for outcome in outcomes],
        [outcome.reason for outcome in outcomes],
        [outcome.detail for outcome in outcomes],
        [outcome.sqlstate for outcome in outcomes],
    )
