"""Dead letters as the parallel arrays that `file_dead_letters` takes."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from loyalty_worker.domain.events import Decoded
from loyalty_worker.domain.outcomes import RecordOutcome
from loyalty_worker.domain.records import Headers, Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def letter_columns(
    letters: Sequence[tuple[Record, Decoded, RecordOutcome]],
) -> tuple[list[object], ...]:
    """Return the array arguments of `file_dead_letters`, in its order; one element per letter."""
    records = [record for record, _, _ in letters]
    outcomes = [outcome for _, _, outcome in letters]
    identities = [event.identity for _, event, _ in letters]
    return (
        [record.offset for record in records],
        [_broker_time(record.timestamp_ms) for record in records],
        [record.fingerprint() for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [_headers_json(record.headers) for record in records],
        [outcome.reason for outcome in outcomes],
        [outcome.detail for outcome in outcomes],
        [outcome.sqlstate for outcome in outcomes],
        [identity.source if identity else None for identity in identities],
        [identity.id if identity else None for identity in identities],
        [event.casino_id for _, event, _ in letters],
    )


def _broker_time(timestamp_ms: int) -> datetime | None:
    """Return the broker's time; None for a producer's timestamp beyond the calendar (or -1)."""
    try:
        return _EPOCH + timedelta(milliseconds=timestamp_ms) if timestamp_ms >= 0 else None
    except OverflowError:
        return None


def _headers_json(headers: Headers) -> str:
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
