"""Printing: data on stdout, as a table for people or as one JSON document; the rest on stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

# In a pipe there is no edge to wrap at: an id that was cut is of no use to the next program.
_PIPE_WIDTH = 10_000


def print_json(document: object) -> None:
    """Print one JSON document; ids and decimals as strings, times in ISO 8601."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write("\n")


def print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print rows as a table with these columns."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=not sys.stdout.isatty(), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_line(text: str) -> None:
    """Print a line of data."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Tell the person something that is not the command's data."""
    sys.stderr.write(f"{text}\n")


def as_row(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return a dataclass's fields, not those of what it contains."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _cell(value: object) -> Text:
    match value:
        case None:
            return Text("-")
        case datetime():
            return Text(value.isoformat(sep=" ", timespec="seconds"))
        case _:
            return Text(str(value))
