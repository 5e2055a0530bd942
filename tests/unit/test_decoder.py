import copy
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import STRUCTURED, TYPE, attribute_headers, record, structured
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.domain.events import (
    DecodeReason,
    EventIdentity,
    SlipClosed,
    Undecodable,
    VisitKind,
)
from loyalty_worker.domain.records import Headers
from loyalty_worker.resources import resource_folder

DECODE = SlipDecoder()
EXAMPLE: dict[str, Any] = json.loads(
    (
        resource_folder("schemas") / "rating-slip-closed" / "examples" / "ok-rated-visit.json"
    ).read_bytes()
)
CASINO = UUID(EXAMPLE["data"]["casino_id"])
IDENTITY = EventIdentity(EXAMPLE["source"], EXAMPLE["id"])
ATTRIBUTES = attribute_headers(EXAMPLE)
DATA = json.dumps(EXAMPLE["data"]).encode()


def with_data(**changes: object) -> bytes:
    event = copy.deepcopy(EXAMPLE)
    event["data"].update(changes)
    return json.dumps(event).encode()


def refused(value: bytes | None, headers: Headers = STRUCTURED) -> Undecodable:
    decoded = DECODE(record(value, headers))
    assert isinstance(decoded, Undecodable)
    return decoded


def accepted(value: bytes, headers: Headers = STRUCTURED) -> SlipClosed:
    decoded = DECODE(record(value, headers))
    assert isinstance(decoded, SlipClosed), decoded
    return decoded


def test_every_fact_arrives_as_it_was_sent() -> None:
    assert accepted(json.dumps(EXAMPLE).encode()) == SlipClosed(
        identity=IDENTITY,
        event_time=datetime(2026, 3, 14, 22, 5, 1, 250_000, tzinfo=UTC),
        casino_id=CASINO,
        rating_slip_id=UUID("b36f0c0e-52a4-4c36-9c5b-6b8d0a2f4711"),
        visit_id=UUID("1c9a7be4-9d1b-4c64-8f0e-2f6f6d3f9a10"),
        visit_kind=VisitKind.GAMING_IDENTIFIED_RATED,
        player_id=UUID("e2b8f7f0-6f5c-4a3d-b1a9-0c4d5e6f7a81"),
        table_id=UUID("5a6b7c8d-9e0f-4a1b-8c2d-3e4f5a6b7c8d"),
        game_type="blackjack",
        average_bet=Decimal(100),
        started_at=datetime(2026, 3, 14, 20, tzinfo=UTC),
        closed_at=datetime(2026, 3, 14, 22, 5, tzinfo=UTC),
        duration_seconds=7200,
        gaming_day=date(2026, 3, 14),
        policy_snapshot=(
            '{"loyalty":{"house_edge":1.5,"decisions_per_hour":70,'
            '"points_conversion_rate":10,"policy_version":"loyalty_points_v1"}}'
        ),
    )


@pytest.mark.parametrize("closed_at", ["1970-01-01T00:00:00+00:00", "2100-12-31T23:59:59-00:00"])
def test_the_first_and_the_last_instant_are_accepted_in_utc(closed_at: str) -> None:
    assert accepted(with_data(closed_at=closed_at)).closed_at == datetime.fromisoformat(closed_at)


def test_times_with_an_offset_become_utc() -> None:
    slip = accepted(with_data(closed_at="2026-03-14T23:05:00.000001+01:00"))
    assert slip.closed_at == datetime(2026, 3, 14, 22, 5, 0, 1, tzinfo=UTC)
    assert slip.closed_at.tzinfo is UTC


@pytest.mark.parametrize("written", ['"0.1000"', "0.1", "1e-1", "0.10000000000000000000000000000"])
def test_a_bet_is_exact_however_it_is_written(written: str) -> None:
    value = with_data(average_bet="HERE").replace(b'"HERE"', written.encode())
    assert accepted(value).average_bet == Decimal("0.1")


@pytest.mark.parametrize("written", ["7200", "7200.0", "72e2"])
def test_a_whole_number_of_seconds_is_an_integer_however_it_is_written(written: str) -> None:
    value = with_data(duration_seconds="HERE").replace(b'"HERE"', written.encode())
    seconds = accepted(value).duration_seconds
    assert (seconds, type(seconds)) == (7200, int)


def test_a_policy_keeps_its_numbers_and_unknown_members_as_written() -> None:
    snapshot = b'{"loyalty":{"house_edge":1.50,"x":[true,null,"\xc3\xbc"]},"y":0.10}'
    value = with_data(policy_snapshot="HERE").replace(b'"HERE"', snapshot)
    assert accepted(value).policy_snapshot == snapshot.decode()


def test_a_large_value_is_decoded() -> None:
    assert accepted(with_data(attachment="x" * 900_000)).identity == IDENTITY


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents+json",
        b"Application/CloudEvents+JSON; charset=UTF-8",
        b"application/cloudevents",
        b" application/cloudevents+json",
    ],
)
@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_structured_mode_is_told_by_the_content_type_in_any_case(
    name: str, content_type: bytes
) -> None:
    event = accepted(json.dumps(EXAMPLE).encode(), ((name, content_type),))
    assert event.identity == IDENTITY


def test_ce_headers_mean_nothing_in_structured_mode() -> None:
    headers: Headers = (("ce_id", b"other"), ("ce_type", b"\xff"), *STRUCTURED, ("ce_id", None))
    assert accepted(json.dumps(EXAMPLE).encode(), headers).identity == IDENTITY


def test_binary_mode_takes_attributes_from_headers_and_data_from_the_value() -> None:
    assert accepted(DATA, ATTRIBUTES) == accepted(json.dumps(EXAMPLE).encode())


@pytest.mark.parametrize("content_type", [None, b"\xff\xfe", b"application/json", b""])
def test_any_other_content_type_is_binary_mode(content_type: bytes | None) -> None:
    headers = (*ATTRIBUTES[:-1], ("content-type", content_type))
    assert accepted(DATA, headers).identity == IDENTITY


@pytest.mark.parametrize(
    "stray",
    [
        ("trace", None),
        ("trace", b"\xff\xfe"),
        ("ce_subject", b"\xff"),
        ("ce_subject", None),
        ("\udcff", b"x"),
        ("", b""),
        ("ce_", b""),
    ],
)
def test_headers_outside_the_contract_are_not_looked_at(stray: tuple[str, bytes | None]) -> None:
    assert accepted(DATA, (stray, *ATTRIBUTES, stray)).identity == IDENTITY


def headers_with(name: str, *values: bytes | None) -> Headers:
    return (*(item for item in ATTRIBUTES if item[0] != name), *((name, value) for value in values))


@pytest.mark.parametrize(
    ("headers", "reason", "detail"),
    [
        (headers_with("ce_id"), DecodeReason.EVENT_ID_MISSING, "attribute id is missing"),
        (headers_with("ce_id", None), DecodeReason.EVENT_ID_MISSING, "attribute id is missing"),
        (headers_with("ce_source", b""), DecodeReason.EVENT_ID_MISSING, "attribute source"),
        (headers_with("ce_id", b"\xff"), DecodeReason.EVENT_UNDECODABLE, "ce_id is not UTF-8"),
        (headers_with("ce_id", b"a", b"a"), DecodeReason.EVENT_SCHEMA_INVALID, "ce_id is there"),
        (headers_with("ce_type", b"x"), DecodeReason.EVENT_TYPE_UNKNOWN, TYPE),
        (headers_with("ce_type"), DecodeReason.EVENT_TYPE_UNKNOWN, TYPE),
        (headers_with("ce_specversion", b"0.3"), DecodeReason.EVENT_SCHEMA_INVALID, "/specversion"),
        (headers_with("ce_time", b"noon"), DecodeReason.EVENT_SCHEMA_INVALID, "/time"),
        (headers_with("ce_id", b"a\0b"), DecodeReason.EVENT_SCHEMA_INVALID, "/id"),
        ((), DecodeReason.EVENT_ID_MISSING, "attribute id is missing"),
    ],
)
def test_a_header_that_breaks_the_contract_is_refused_with_its_name(
    headers: Headers, reason: DecodeReason, detail: str
) -> None:
    found = refused(DATA, headers)
    assert found.reason is reason
    assert detail in found.detail


@pytest.mark.parametrize("headers", [STRUCTURED, ATTRIBUTES, ()])
def test_a_tombstone_is_undecodable(headers: Headers) -> None:
    found = refused(None, headers)
    assert found.reason is DecodeReason.EVENT_UNDECODABLE
    assert "tombstone" in found.detail


def test_the_identity_survives_in_headers_when_the_value_is_broken() -> None:
    found = refused(b"{", ATTRIBUTES)
    assert (found.reason, found.identity) == (DecodeReason.EVENT_UNDECODABLE, IDENTITY)


@pytest.mark.parametrize(
    "flaw",
    [
        b'"x":1,"x":2',
        b'"x":"\\u0000"',
        b'"x":"\\ud800"',
        b'"x":1e999999999',
        b'"duration_seconds":0',
    ],
)
def test_identity_and_casino_are_read_from_a_value_that_is_out_of_bounds(flaw: bytes) -> None:
    value = json.dumps(EXAMPLE).encode().replace(b'"casino_id"', flaw + b',"casino_id"')
    found = refused(value)
    assert found.reason is DecodeReason.EVENT_SCHEMA_INVALID
    assert (found.identity, found.casino_id) == (IDENTITY, CASINO)


@pytest.mark.parametrize("id_", ["a\0b", "x" * 513, 5, ["a"], "\ud800"])
def test_an_identity_that_could_not_be_stored_is_not_passed_on(id_: object) -> None:
    found = refused(json.dumps({**EXAMPLE, "id": id_}).encode())
    assert found.identity is None
    assert found.casino_id == CASINO


def test_a_value_cut_off_behind_a_repeated_key_is_undecodable() -> None:
    assert refused(b'{"a":1,"a":2,"b":{"c":1,"c":2}').reason is DecodeReason.EVENT_UNDECODABLE


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
edges = st.sampled_from([datetime(1970, 1, 1), datetime(2100, 12, 31, 23, 59)])  # noqa: DTZ001 - each gets an offset below
moments = edges | st.datetimes(datetime(1969, 6, 1), datetime(2101, 6, 1))  # noqa: DTZ001 - the same


@given(
    st.decimals(-1, 1_000_000_001, places=4) | st.decimals(0, 100, places=6),
    st.integers(-2, 2_678_402),
    st.builds(datetime.replace, moments, tzinfo=offsets),
)
def test_facts_are_accepted_exactly_within_the_published_bounds(
    bet: Decimal, seconds: int, closed_at: datetime
) -> None:
    value = with_data(average_bet="HERE", duration_seconds=seconds, closed_at=closed_at.isoformat())
    decoded = DECODE(structured(value.replace(b'"HERE"', str(bet).encode())))
    inside = (
        0 <= bet < 10**9
        and bet == round(bet, 4)
        and 0 <= seconds <= 31 * 86400
        and datetime(1970, 1, 1, tzinfo=UTC) <= closed_at < datetime(2101, 1, 1, tzinfo=UTC)
    )
    if isinstance(decoded, SlipClosed):
        assert inside
        assert (decoded.average_bet, decoded.closed_at) == (bet, closed_at)
    else:
        assert not inside or closed_at.date() in (date(1970, 1, 1), date(2100, 12, 31))
