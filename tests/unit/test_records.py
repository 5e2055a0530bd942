from dataclasses import replace

import pytest

from loyalty_worker.domain.records import Record

RECORD = Record("slips", 0, 5, 1_773_518_400_000, b"key", b"value", (("a", b"1"), ("b", None)))


def test_a_fingerprint_is_frozen() -> None:
    assert RECORD.fingerprint().hex() == (
        "2a23f0b8d1738f0d0922d87340434c569a863f3d664c03ed01eefe13f455091c"
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, timestamp_ms=RECORD.timestamp_ms + 1),
        replace(RECORD, key=None),
        replace(RECORD, key=b""),
        replace(RECORD, value=None),
        replace(RECORD, value=b""),
        replace(RECORD, key=b"keyv", value=b"alue"),
        replace(RECORD, headers=()),
        replace(RECORD, headers=(("a", b"1"), ("b", b""))),
        replace(RECORD, headers=(("b", None), ("a", b"1"))),
        replace(RECORD, headers=(("a1", b""), ("b", None))),
    ],
)
def test_a_fingerprint_tells_records_apart_that_differ_in_any_part(other: Record) -> None:
    assert other.fingerprint() != RECORD.fingerprint()


def test_a_fingerprint_is_the_same_wherever_the_record_lies() -> None:
    assert replace(RECORD, topic="x", partition=3, offset=9).fingerprint() == RECORD.fingerprint()


def test_a_fingerprint_exists_for_a_header_name_that_is_no_utf_8() -> None:
    assert len(replace(RECORD, headers=(("\udcff", None),)).fingerprint()) == 32
