"""Drift on Kafka: who speaks, and the event that asks for a check, as bytes.

Its contract is `schemas/drift-check-requested`.
"""

import json
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.domain.records import Headers

ALERT_SOURCE: Final = "/loyalty-worker/drift"
SCHEDULE_SOURCE: Final = "/loyalty-worker/scheduler"
EVENT_TYPE: Final = "loyalty.drift-check.requested.v1"
KEY: Final = b"check"
HEADERS: Final[Headers] = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def drift_request(
    identity: EventIdentity, time: datetime, casino_id: UUID | None, requested_by: str
) -> bytes:
    """Return the event as structured mode writes it; `casino_id` None asks for all casinos."""
    data = {"requested_by": requested_by}
    if casino_id is not None:
        data["casino_id"] = str(casino_id)
    event = {
        "specversion": "1.0",
        "id": identity.id,
        "source": identity.source,
        "type": EVENT_TYPE,
        "time": time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False).encode()
