"""How a record of aiokafka becomes ours, wherever it is read: its hash must be the same."""

from typing import Final, TypeAlias

from aiokafka import ConsumerRecord
from aiokafka.errors import CorruptRecordException

from loyalty_worker.domain.records import Record

RawRecord: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

UNREADABLE: Final = (CorruptRecordException, UnicodeDecodeError)
"""What aiokafka raises for a record that it cannot read, dropping those it had read before."""

_NO_TIMESTAMP = -1


def record_of(raw: RawRecord) -> Record:
    """Return aiokafka's record as ours, nothing decoded; the oldest format has no timestamp."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=_NO_TIMESTAMP if raw.timestamp is None else raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
    )
