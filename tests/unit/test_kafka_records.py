"""A record of aiokafka as ours."""

import pytest
from aiokafka import ConsumerRecord

from loyalty_worker.kafka_records import record_of


@pytest.mark.parametrize(("timestamp", "taken"), [(None, -1), (0, 0), (1_760_000_000_000,) * 2])
def test_a_record_is_taken_as_it_is_and_has_a_hash_whatever_its_format(
    timestamp: int | None, taken: int
) -> None:
    raw = ConsumerRecord(
        "slips", 2, 7, timestamp, 0, b"key", b"value", None, 3, 5, (("name", b"\xff"),)
    )
    record = record_of(raw)
    assert (record.topic, record.partition, record.offset, record.timestamp_ms) == (
        "slips",
        2,
        7,
        taken,
    )
    assert (record.key, record.value, record.headers) == (b"key", b"value", (("name", b"\xff"),))
    assert len(record.fingerprint()) == 32
