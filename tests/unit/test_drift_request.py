import json
from datetime import datetime
from uuid import UUID

from loyalty_worker.consumers.decoder import DriftRequestDecoder
from loyalty_worker.domain.events import DriftCheckRequested, EventIdentity
from loyalty_worker.domain.records import Record
from loyalty_worker.publishing.drift_request import HEADERS, KEY, drift_request

IDENTITY = EventIdentity("/loyalty-worker/scheduler", "drift-check:2026-03-29T01:00:00+00:00")
CASINO = UUID("7d4a9a52-3c1e-4b0f-8a77-1f0f6a7b1c01")
DUE = datetime.fromisoformat("2026-03-29T03:00:00+02:00")


def test_what_is_asked_is_what_is_read() -> None:
    for casino in (CASINO, None):
        value = drift_request(IDENTITY, DUE, casino, "scheduler")
        record = Record("drift-check-requested", 0, 0, 0, KEY, value, HEADERS)
        assert DriftRequestDecoder()(record) == DriftCheckRequested(IDENTITY, casino, "scheduler")


def test_the_time_of_a_request_is_utc() -> None:
    event = json.loads(drift_request(IDENTITY, DUE, None, "scheduler"))
    assert event["time"] == "2026-03-29T01:00:00Z"
