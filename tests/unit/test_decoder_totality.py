"""No bytes make a decoder raise: every topic's, fed with garbage of the same kinds."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import STRUCTURED, attribute_headers, record, structured
from loyalty_worker.consumers.decoder import DriftRequestDecoder, PromotionDecoder, SlipDecoder
from loyalty_worker.domain.events import (
    Decoded,
    DriftCheckRequested,
    PromotionAwarded,
    SlipClosed,
    Undecodable,
)
from loyalty_worker.domain.records import Headers, Record
from loyalty_worker.resources import resource_folder


@dataclass(frozen=True)
class Topic:
    """A topic's decoder, what it gives, and an event that it accepts."""

    decode: Callable[[Record], Decoded]
    gives: type
    event: dict[str, Any]

    def is_total(self, value: bytes | None, headers: Headers = STRUCTURED) -> bool:
        """Say whether the decoder gives an event or a reason; what it raises passes through."""
        return isinstance(self.decode(record(value, headers)), (self.gives, Undecodable))


def example(name: str) -> dict[str, Any]:
    topic, _, stem = name.partition("/")
    path = resource_folder("schemas") / topic / "examples" / f"{stem}.json"
    event: dict[str, Any] = json.loads(path.read_bytes())
    return event


SLIPS = Topic(SlipDecoder(), SlipClosed, example("rating-slip-closed/ok-rated-visit"))
PROMOTIONS = Topic(
    PromotionDecoder(),
    PromotionAwarded,
    example("promotion/ok-both-terms-for-the-ledger-to-refuse"),
)
DRIFT_REQUESTS = Topic(
    DriftRequestDecoder(), DriftCheckRequested, example("drift-check-requested/ok-one-casino")
)
TOPICS = [SLIPS, PROMOTIONS, DRIFT_REQUESTS]
modes = st.sampled_from(["structured", "binary"])
topics = st.sampled_from(TOPICS)
HEADERS = [header for topic in TOPICS for header in attribute_headers(topic.event)]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text()
    | st.sampled_from(["1e2", "NaN", "-1", "\0", "\ud800", "9" * 400, "2026-02-30T00:00:00Z"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
header_values = st.none() | st.binary() | st.sampled_from([value for _, value in HEADERS])
header_names = st.text() | st.sampled_from([name for name, _ in HEADERS])
any_headers = st.lists(st.tuples(header_names, header_values)).map(tuple)


@pytest.mark.parametrize("topic", TOPICS)
def test_an_event_of_the_topic_is_what_the_decoder_gives(topic: Topic) -> None:
    assert isinstance(topic.decode(structured(json.dumps(topic.event).encode())), topic.gives)


@given(topics, st.none() | st.binary(), any_headers | st.just(STRUCTURED))
def test_no_bytes_make_a_decoder_raise(topic: Topic, value: bytes | None, headers: Headers) -> None:
    assert topic.is_total(value, headers)


@given(topics, st.binary(min_size=1, max_size=8), st.integers(0), st.integers(0, 8), modes)
def test_no_mutation_of_a_good_value_makes_a_decoder_raise(
    topic: Topic, patch: bytes, place: int, removed: int, mode: str
) -> None:
    whole = mode == "structured"
    value = json.dumps(topic.event if whole else topic.event["data"]).encode()
    at = place % len(value)
    headers = STRUCTURED if whole else attribute_headers(topic.event)
    assert topic.is_total(value[:at] + patch + value[at + removed :], headers)


@given(topics, st.data())
def test_no_member_of_another_shape_makes_a_decoder_raise(
    topic: Topic, draw: st.DataObject
) -> None:
    members, attributes = sorted(topic.event["data"]), sorted(topic.event)
    event = copy.deepcopy(topic.event)
    event["data"].update(draw.draw(st.dictionaries(st.sampled_from(members), values, min_size=1)))
    event.update(draw.draw(st.dictionaries(st.sampled_from(attributes), values, max_size=1)))
    assert topic.is_total(json.dumps(event).encode())
