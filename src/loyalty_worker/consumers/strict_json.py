"""JSON read strictly and without binary floating point: one text has one meaning, or none.

The standard reader is lenient where money is concerned: it turns amounts into floats, keeps the
last of two equal keys, and accepts NaN. Here numbers become `int` or `Decimal`, and what another
reader could understand differently, or PostgreSQL could not store, is refused.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import count
from json.encoder import encode_basestring
from typing import Final, NoReturn, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"

MAX_DEPTH: Final = 64
MAX_NUMBER_LENGTH: Final = 100
MAX_NUMBER_MAGNITUDE: Final = 400

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_TOO_LARGE: Final = f"a number lies beyond 10^±{MAX_NUMBER_MAGNITUDE}"
_TOO_DEEP: Final = f"the value is nested deeper than {MAX_DEPTH} levels"


class NotJsonError(Exception):
    """The bytes are no JSON text; the message says why and where, and quotes nothing."""


class JsonOutOfBoundsError(Exception):
    """The bytes are JSON, but ambiguous or not storable; the message quotes nothing."""


def parse(data: bytes) -> Json:
    """Read one JSON text in UTF-8.

    Raises `NotJsonError` for bytes that are no JSON or nested deeper than `MAX_DEPTH`, and
    `JsonOutOfBoundsError` for repeated keys, numbers longer than `MAX_NUMBER_LENGTH` characters
    or of a magnitude beyond 10^±`MAX_NUMBER_MAGNITUDE`, U+0000 and lone surrogates.
    """
    text = _decode(data)
    document = _load(text, _STRICT)
    # Only an escape can bring U+0000 or a lone surrogate, only many brackets can nest deeply:
    # an ordinary event is not walked.
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        for string in _strings(document):
            if _UNSTORABLE.search(string):
                raise JsonOutOfBoundsError("a string holds U+0000 or a lone surrogate")
    return document


def salvage(data: bytes) -> object:
    """Read what `parse` found out of bounds, for the few values that a dead letter shows.

    Numbers stay text and the last of equal keys is kept. Raises `NotJsonError` like `parse`.
    """
    return _load(_decode(data), _LENIENT)


def dump(document: Json) -> str:
    """Write a document that `parse` returned; every number keeps its digits."""
    if isinstance(document, str):
        return encode_basestring(document)
    if isinstance(document, dict):
        members = [f"{encode_basestring(key)}:{dump(value)}" for key, value in document.items()]
        return f"{{{','.join(members)}}}"
    if isinstance(document, list):
        return f"[{','.join([dump(item) for item in document])}]"
    if document is None or isinstance(document, bool):
        return json.dumps(document)
    return str(document)


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"the value is not UTF-8 at byte {error.start}") from None


def _load(text: str, decoder: json.JSONDecoder) -> Json:
    try:
        document: Json = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"the value is not JSON at character {error.pos}") from None
    except RecursionError:
        raise NotJsonError(_TOO_DEEP) from None
    return document


def _strings(document: Json) -> Iterator[str]:
    """Yield every string and key; raises `NotJsonError` where the nesting is too deep."""
    level = [document]
    for depth in count():
        containers = [node for node in level if isinstance(node, dict | list)]
        if containers and depth == MAX_DEPTH:
            raise NotJsonError(_TOO_DEEP)
        yield from (node for node in level if isinstance(node, str))
        if not containers:
            return
        level = []
        for container in containers:
            if isinstance(container, dict):
                yield from container
                level.extend(container.values())
            else:
                level.extend(container)


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonOutOfBoundsError("an object has the same key twice")
    return members


def _integer(literal: str) -> int:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise JsonOutOfBoundsError(f"a number is longer than {MAX_NUMBER_LENGTH} characters")
    return int(literal)


def _decimal(literal: str) -> Decimal:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise JsonOutOfBoundsError(f"a number is longer than {MAX_NUMBER_LENGTH} characters")
    try:
        number = Decimal(literal)
    except InvalidOperation:  # the exponent itself has too many digits
        raise JsonOutOfBoundsError(_TOO_LARGE) from None
    if abs(number.adjusted()) > MAX_NUMBER_MAGNITUDE:
        raise JsonOutOfBoundsError(_TOO_LARGE)
    return number


def _no_constant(_: str) -> NoReturn:
    raise NotJsonError("the value is not JSON: NaN and Infinity are no numbers")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=_no_constant,
)
_LENIENT: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
