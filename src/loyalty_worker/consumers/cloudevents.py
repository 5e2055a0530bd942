"""CloudEvents 1.0 on Kafka: from a record to the event as one JSON object, in either mode.

Written here because no library does it without harm: the CloudEvents SDK invents an id where one
is missing and misreads structured events that carry `ce_` headers.
"""

from typing import Final

from loyalty_worker.consumers.strict_json import (
    Json,
    JsonOutOfBoundsError,
    NotJsonError,
    parse,
    salvage,
)
from loyalty_worker.domain.events import DecodeReason
from loyalty_worker.domain.records import Headers, Record

_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "time")


class NotAnEventError(Exception):
    """A record that holds no event: why, and what of the event could still be read."""

    def __init__(self, reason: DecodeReason, detail: str, readable: object = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.readable = readable


def read_event(record: Record) -> dict[str, Json]:
    """Return the event as structured mode writes it: the attributes and `data`, not validated.

    Structured mode is told by the content type, and then `ce_` headers mean nothing. Otherwise
    the attributes of the contract come from `ce_` headers and the value is `data`; other headers
    and other attributes are not looked at. Raises `NotAnEventError`, nothing else.
    """
    if not _is_structured(record.headers):
        attributes = _binary_attributes(record.headers)
        return {**attributes, "data": _parse(record.value, attributes)}
    event = _parse(record.value, None)
    if not isinstance(event, dict):
        raise NotAnEventError(DecodeReason.EVENT_SCHEMA_INVALID, "the event is no JSON object")
    return event


def _is_structured(headers: Headers) -> bool:
    return any(
        name.lower() == "content-type"
        and value is not None
        and value.lstrip().lower().startswith(b"application/cloudevents")
        for name, value in headers
    )


def _binary_attributes(headers: Headers) -> dict[str, Json]:
    """Collect the contract's attributes; an attribute whose header is null is absent."""
    attributes: dict[str, Json] = {}
    flaw: NotAnEventError | None = None
    for name, value in headers:
        attribute = name.removeprefix("ce_")
        if attribute == name or attribute not in _ATTRIBUTES or value is None:
            continue
        if attribute in attributes:
            flaw = NotAnEventError(
                DecodeReason.EVENT_SCHEMA_INVALID, f"the header {name} is there twice", attributes
            )
        try:
            attributes[attribute] = value.decode()
        except UnicodeDecodeError:
            flaw = NotAnEventError(
                DecodeReason.EVENT_UNDECODABLE, f"the header {name} is not UTF-8", attributes
            )
    if flaw is not None:
        raise flaw
    return attributes


def _parse(value: bytes | None, attributes: dict[str, Json] | None) -> Json:
    """Parse the value; `attributes` are those already known from headers, in binary mode."""
    if value is None:
        raise NotAnEventError(
            DecodeReason.EVENT_UNDECODABLE, "the value is null (a tombstone)", attributes
        )
    try:
        try:
            return parse(value)
        except JsonOutOfBoundsError as error:
            read = salvage(value)
            readable = read if attributes is None else {**attributes, "data": read}
            raise NotAnEventError(DecodeReason.EVENT_SCHEMA_INVALID, str(error), readable) from None
    except NotJsonError as error:
        raise NotAnEventError(DecodeReason.EVENT_UNDECODABLE, str(error), attributes) from None
