"""What may stand in a log: plain values. Everything else is reduced to its type's name.

An exception's text can hold a row, a payload or a password (asyncpg's and pydantic's do), and a
frame's locals hold everything; so an exception becomes its type, its code and its place.
"""

import hashlib
import hmac
import traceback
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import TypeAlias
from uuid import UUID

Loggable: TypeAlias = "str | int | float | bool | list[Loggable] | dict[str, Loggable] | None"

_LONGEST_TEXT = 500
_PSEUDONYM_BYTES = 8


def player_pseudonym(key: bytes, player_id: UUID) -> str:
    """Return the keyed hash that stands for a player in logs: 16 hexadecimal digits."""
    digest = hmac.new(key, player_id.bytes, hashlib.sha256).digest()
    return digest[:_PSEUDONYM_BYTES].hex()


def loggable(value: object) -> Loggable:
    """Reduce a value to what may be printed."""
    match value:
        case None | bool() | int() | float():
            plain: Loggable = value
        case Enum():
            plain = loggable(value.value)
        case str():
            plain = value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
        case UUID() | Decimal() | PurePath() | timedelta():
            plain = str(value)
        case date():
            plain = value.isoformat()
        case BaseException():
            plain = describe_exception(value)
        case Mapping():
            plain = {str(name): loggable(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            plain = [loggable(item) for item in value]
        case _:
            plain = f"<{type(value).__name__}>"
    return plain


def describe_exception(error: BaseException) -> str:
    """Return type and code, as in `UniqueViolationError 23505`, never the text."""
    if isinstance(error, BaseExceptionGroup):
        leaves = ", ".join(describe_exception(leaf) for leaf in error.exceptions)
        return f"{type(error).__name__} of {leaves}"
    code = getattr(error, "sqlstate", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def place_of(trace: TracebackType | None) -> str | None:
    """Return `file:line function` of the innermost frame, without its locals."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return None
    last = frames[-1]
    return f"{PurePath(last.filename).name}:{last.lineno} {last.name}"
