"""From a record to its event, or to the reason why there is none; raises for no bytes."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard
from uuid import UUID

from loyalty_worker.consumers.cloudevents import NotAnEventError, read_event
from loyalty_worker.consumers.facts import drift_check_requested, promotion_awarded, slip_closed
from loyalty_worker.consumers.schema import EventSchema
from loyalty_worker.consumers.strict_json import Json
from loyalty_worker.domain.events import Decoded, DecodeReason, EventIdentity, Undecodable
from loyalty_worker.domain.records import Record
from loyalty_worker.ports import Decoder, Fault

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_LONGEST_ATTRIBUTE: Final = 512


class EventDecoder:
    """Decodes one topic: `contract` is its folder under `schemas/`, `read` takes a valid event.

    Where several reasons apply, the first of these is given: no JSON or no object, no event
    identity, unknown type, broken schema.
    """

    def __init__(self, contract: str, read: Callable[[dict[str, Any]], Decoded]) -> None:
        self._schema = EventSchema(contract)
        self._read = read

    def __call__(self, record: Record) -> Decoded:
        """Decode one record."""
        try:
            event = read_event(record)
        except NotAnEventError as error:
            return _undecodable(error.reason, error.detail, error.readable)
        return self._refusal(event) or self._read(event)

    def _refusal(self, event: dict[str, Json]) -> Undecodable | None:
        for attribute in ("id", "source"):
            if event.get(attribute) in (None, ""):
                detail = f"the attribute {attribute} is missing or empty"
                return _undecodable(DecodeReason.EVENT_ID_MISSING, detail, event)
        if event.get("type") != self._schema.event_type:
            detail = f"the attribute type is not {self._schema.event_type}"
            return _undecodable(DecodeReason.EVENT_TYPE_UNKNOWN, detail, event)
        violation = self._schema.violation(event)
        if violation is not None:
            return _undecodable(DecodeReason.EVENT_SCHEMA_INVALID, str(violation), event)
        return None


class SlipDecoder(EventDecoder):
    """Decodes `rating-slip-closed`."""

    def __init__(self) -> None:
        super().__init__("rating-slip-closed", slip_closed)


class PromotionDecoder(EventDecoder):
    """Decodes `promotion`."""

    def __init__(self) -> None:
        super().__init__("promotion", promotion_awarded)


class DriftRequestDecoder(EventDecoder):
    """Decodes `drift-check-requested`."""

    def __init__(self) -> None:
        super().__init__("drift-check-requested", drift_check_requested)


class TopicDecoders:
    """Decodes records of several topics, each by its own decoder; for records that were kept."""

    def __init__(self, by_topic: Mapping[str, Decoder]) -> None:
        self._by_topic = by_topic

    def __call__(self, record: Record) -> Decoded:
        """Decode one record; raises `Fault` for a topic that no setting names any more."""
        decoder = self._by_topic.get(record.topic)
        if decoder is None:
            raise Fault("topic_unknown")
        return decoder(record)


def event_decoders(slips_topic: str, promotions_topic: str) -> TopicDecoders:
    """Return the decoder of the events that post, by the topics' names."""
    return TopicDecoders({slips_topic: SlipDecoder(), promotions_topic: PromotionDecoder()})


def _undecodable(reason: DecodeReason, detail: str, readable: object) -> Undecodable:
    event = readable if isinstance(readable, dict) else {}
    return Undecodable(reason, detail, _identity(event), _casino_id(event.get("data")))


def _identity(event: dict[str, object]) -> EventIdentity | None:
    source, id_ = event.get("source"), event.get("id")
    if _is_storable(source) and _is_storable(id_):
        return EventIdentity(source, id_)
    return None


def _is_storable(attribute: object) -> TypeGuard[str]:
    return (
        isinstance(attribute, str)
        and 0 < len(attribute) <= _LONGEST_ATTRIBUTE
        and _UNSTORABLE.search(attribute) is None
    )


def _casino_id(data: object) -> UUID | None:
    casino_id = data.get("casino_id") if isinstance(data, dict) else None
    if isinstance(casino_id, str) and _UUID.fullmatch(casino_id):
        return UUID(casino_id)
    return None
