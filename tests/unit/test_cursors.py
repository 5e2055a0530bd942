"""Cursors of statements: what comes back, and what is refused."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_worker.database.cursors import (
    CursorError,
    StatementQuery,
    decode_cursor,
    encode_cursor,
)
from loyalty_worker.domain.entries import LedgerReason

QUERY = StatementQuery(casino_id=UUID(int=1), player_id=UUID(int=2))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ENTRY_NUMBERS = st.integers(min_value=1, max_value=2**63 - 1)


@given(ENTRY_NUMBERS)
def test_a_cursor_gives_back_the_entry_number_it_was_made_of(entry_no: int) -> None:
    assert decode_cursor(QUERY, encode_cursor(QUERY, entry_no)) == entry_no


@given(ENTRY_NUMBERS)
def test_a_cursor_can_stand_in_a_url_and_in_a_command_as_it_is(entry_no: int) -> None:
    cursor = encode_cursor(QUERY, entry_no)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()
    assert "=" not in cursor


@pytest.mark.parametrize(
    "other",
    [
        {"casino_id": UUID(int=3)},
        {"player_id": UUID(int=3)},
        {"casino_id": UUID(int=2), "player_id": UUID(int=1)},
        {"reason": LedgerReason.REDEEM},
        {"rating_slip_id": UUID(int=4)},
        {"visit_id": UUID(int=4)},
        {"occurred_from": NOON},
        {"occurred_to": NOON},
    ],
)
def test_a_cursor_of_another_query_is_refused_and_says_so(other: dict[str, Any]) -> None:
    cursor = encode_cursor(QUERY, 7)
    with pytest.raises(CursorError, match="another player, casino or filter"):
        decode_cursor(replace(QUERY, **other), cursor)


def test_the_same_instant_in_another_zone_is_the_same_query() -> None:
    here = replace(QUERY, occurred_from=NOON)
    there = replace(QUERY, occurred_from=NOON.astimezone(timezone(timedelta(hours=5))))
    assert decode_cursor(there, encode_cursor(here, 7)) == 7


@given(ENTRY_NUMBERS, st.integers(0, 20), st.integers(1, 255))
def test_a_cursor_with_any_byte_changed_is_refused(entry_no: int, at: int, flip: int) -> None:
    whole = bytearray(base64.urlsafe_b64decode(encode_cursor(QUERY, entry_no)))
    whole[at] ^= flip
    with pytest.raises(CursorError, match="damaged"):
        decode_cursor(QUERY, base64.urlsafe_b64encode(whole).decode())


@given(st.text(max_size=40))
def test_whatever_is_no_cursor_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(CursorError, match="start again without one"):
        decode_cursor(QUERY, text)


def test_a_cursor_with_a_line_feed_after_it_is_no_cursor() -> None:
    with pytest.raises(CursorError):
        decode_cursor(QUERY, encode_cursor(QUERY, 7) + "\n")
