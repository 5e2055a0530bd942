import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_worker.consumers.strict_json import (
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    JsonOutOfBoundsError,
    NotJsonError,
    dump,
    parse,
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
numbers = st.integers(-(10**90), 10**90) | decimals.filter(
    lambda number: len(str(number)) <= MAX_NUMBER_LENGTH
)
documents = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(documents)
def test_what_is_written_reads_the_same(document: object) -> None:
    written = dump(document)  # type: ignore[arg-type] # hypothesis cannot express the recursive type
    assert parse(written.encode()) == document


@given(documents)
def test_another_reader_reads_what_is_written(document: object) -> None:
    written = dump(document)  # type: ignore[arg-type] # hypothesis cannot express the recursive type
    assert json.loads(written, parse_float=Decimal) == document


@pytest.mark.parametrize("literal", ["0.1", "100.00", "1.50", "-0.0", "1E+2", "70"])
def test_a_number_keeps_its_digits(literal: str) -> None:
    assert dump(parse(literal.encode())) == literal


def test_an_amount_never_passes_through_binary_floating_point() -> None:
    assert parse(b"0.1000000000000000055511151231257827") == Decimal(
        "0.1000000000000000055511151231257827"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b'{"a":1',
        b"{'a':1}",
        b"{} {}",
        b'"\x00"',
        b'"\n"',
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"0x10",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        "\u0661".encode(),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_bytes_that_are_no_json_are_told(data: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'[{"b":{"a":1,"a":2}}]',
        b'"\\u0000"',
        b'{"\\u0000":1}',
        b'"\\ud83c"',
        b'["\\udf89\\ud83c"]',
        b"1" * 101,
        b"0." + b"1" * 100,
        b"1e401",
        b"1e-401",
        b"1e99999999999999999999",
        b"-1e999999999",
    ],
)
def test_json_that_is_ambiguous_or_not_storable_is_told(data: bytes) -> None:
    with pytest.raises(JsonOutOfBoundsError):
        parse(data)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_read_to_its_limit_and_not_beyond(opening: str, closing: str) -> None:
    parse((opening * MAX_DEPTH + "1" + closing * MAX_DEPTH).encode())
    deeper = MAX_DEPTH + 1
    with pytest.raises(NotJsonError, match="nested deeper"):
        parse((opening * deeper + "1" + closing * deeper).encode())


def test_a_surrogate_pair_is_a_character() -> None:
    assert parse(b'"\\ud83c\\udf89"') == "🎉"
