"""What an operator reads and decides about halted topics and lost records."""

from dataclasses import dataclass
from datetime import datetime

from loyalty_worker.database.types import Connection
from loyalty_worker.domain.records import PartitionId


@dataclass(frozen=True, slots=True)
class OpenHalt:
    """A topic that waits for `loyalty resume`."""

    consumer_group: str
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    halted_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a group stands on a partition: everything below `next_offset` is processed."""

    at: PartitionId
    generation: int
    next_offset: int


async def open_halts(opened: "Connection", topic: str) -> list[OpenHalt]:
    """Return the halts of a topic that nobody has ended."""
    columns = ", ".join(f'"{name}"' for name in OpenHalt.__slots__)
    rows = await opened.fetch(
        f"SELECT {columns} FROM consumer_halt"  # noqa: S608 - our column names
        " WHERE topic = $1 AND ended_at IS NULL ORDER BY consumer_group",
        topic,
    )
    return [OpenHalt(**dict(row)) for row in rows]


async def end_halts(opened: "Connection", topic: str, reason: str) -> int:
    """End a topic's halts, audited; return how many there were."""
    return len(await opened.fetch("SELECT * FROM end_halts($1, $2)", topic, reason))


async def read_positions(opened: "Connection", group: str, topic: str) -> list[Position]:
    """Return a group's position on each partition that it has consumed."""
    rows = await opened.fetch(
        "SELECT partition, generation, next_offset FROM consumer_progress"
        " WHERE consumer_group = $1 AND topic = $2 AND closed_at IS NULL ORDER BY partition",
        group,
        topic,
    )
    return [
        Position(PartitionId(topic, row["partition"]), row["generation"], row["next_offset"])
        for row in rows
    ]


async def accept_record_loss(
    opened: "Connection", group: str, position: Position, log_start: int, reason: str
) -> None:
    """Count a partition from the log's start on, and audit the range that is lost."""
    await opened.execute(
        "SELECT accept_record_loss($1, $2, $3, $4, $5, $6)",
        group,
        position.at.topic,
        position.at.partition,
        position.generation,
        log_start,
        reason,
    )
