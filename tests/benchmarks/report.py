"""The table for people, and the file that is kept."""

import json
import math
import os
import platform
from pathlib import Path

import psutil
from rich.table import Table

from benchmarks.measures import Figure

_GIB = 2**30
_EXACT_BELOW = 100


def table(figures: list[Figure]) -> Table:
    """Return the figures as a table, with the verdict where there is a target."""
    made = Table("", "median", "least", "most", "unit", "needed", "", box=None)
    for figure in figures:
        values = figure.series.values
        several = len(values) > 1
        made.add_row(
            figure.name,
            _number(figure.series.median),
            _number(min(values)) if several else "",
            _number(max(values)) if several else "",
            figure.unit,
            "" if figure.needed is None else f"≥ {figure.needed}",
            "" if figure.needed is None else ("met" if figure.is_met else "MISSED"),
        )
    return made


def keep(figures: list[Figure], postgres: str, entries: int, players: int, file: Path) -> None:
    """Write the figures and what machine they are from; no path of it, no name."""
    document = {
        "command": "make bench",
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
            "python": platform.python_version(),
            "postgresql": postgres,
        },
        "ledger": {"entries": entries, "players": players},
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "median": _rounded(figure.series.median),
                "rounds": [_rounded(value) for value in figure.series.values],
            }
            | ({} if figure.needed is None else {"needed": figure.needed, "met": figure.is_met})
            for figure in figures
        ],
    }
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(value: float) -> float | None:
    if math.isnan(value):
        return None
    return round(value, 3) if value < _EXACT_BELOW else round(value)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < _EXACT_BELOW else f"{value:,.0f}"
