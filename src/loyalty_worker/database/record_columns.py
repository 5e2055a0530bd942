"""A record's bytes in the database's columns, and back: what parked rows and letters share."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from loyalty_worker.domain.records import Headers, Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_columns(records: Sequence[Record]) -> tuple[list[Any], ...]:
    """Return offset, broker timestamp, hash, key, value and headers; one array each."""
    return (
        [record.offset for record in records],
        [broker_time(record.timestamp_ms) for record in records],
        [record.fingerprint() for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [headers_json(record.headers) for record in records],
    )


def stored_headers(text: str) -> Headers:
    """Return the headers that `headers_json` wrote."""
    return tuple(
        (
            base64.b64decode(name).decode("utf-8", "surrogatepass"),
            None if value is None else base64.b64decode(value),
        )
        for name, value in json.loads(text)
    )


def timestamp_ms(broker_timestamp: datetime | None) -> int:
    """Return a stored broker time in milliseconds since 1970; -1 where there is none."""
    if broker_timestamp is None:
        return -1
    return (broker_timestamp - _EPOCH) // timedelta(milliseconds=1)


def broker_time(timestamp_ms: int) -> datetime | None:
    """Return the broker's time; None for a producer's timestamp beyond the calendar (or -1)."""
    try:
        return _EPOCH + timedelta(milliseconds=timestamp_ms) if timestamp_ms >= 0 else None
    except OverflowError:
        return None


def headers_json(headers: Headers) -> str:
    """Return headers as JSON, `[[name, value or null], …]`, both in base64.

    A value may be any bytes, and a name may hold U+0000, which jsonb refuses.
    """
    return json.dumps(
        [
            [
                _base64(name.encode("utf-8", "surrogatepass")),
                None if value is None else _base64(value),
            ]
            for name, value in headers
        ]
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
