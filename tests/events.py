"""Records of closed slips for tests, in both modes of CloudEvents."""

import json
from typing import Any

from loyalty_worker.domain.records import Headers, Record

TYPE = "casino.rating-slip.closed.v1"
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)


def record(value: bytes | None, headers: Headers = STRUCTURED) -> Record:
    """Make a record of the topic `rating-slip-closed` at offset 0."""
    return Record("rating-slip-closed", 0, 0, 1_773_518_400_000, None, value, headers)


def structured(value: bytes | None) -> Record:
    """Make a record whose value is the whole event."""
    return record(value)


def attribute_headers(event: dict[str, Any]) -> Headers:
    """Return the headers that carry an event's attributes in binary mode."""
    attributes = {name: text for name, text in event.items() if name != "data"}
    content_type = attributes.pop("datacontenttype", "application/json")
    headers = tuple((f"ce_{name}", str(text).encode()) for name, text in attributes.items())
    return (*headers, ("content-type", content_type.encode()))


def binary(value: bytes) -> Record:
    """Make the record that carries a structured event in binary mode."""
    event = json.loads(value)
    return record(json.dumps(event["data"]).encode(), attribute_headers(event))
