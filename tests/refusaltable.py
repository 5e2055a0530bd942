"""The README's table of refusals: the database's list, and what each does to an event's record.

`make refusals-table` runs this module, which writes the table anew.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import create_logins
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
from parts.postgres import migrated_database
from sqltools import connected

README = Path(__file__).parents[1] / "README.md"
LIST = "SELECT name, sqlstate, sentence FROM loyalty_refusals()"
_TABLE = re.compile(
    r"(?<=<!-- refusals: held against the database by a test -->\n).*?(?=\n<!-- end)", re.DOTALL
)


def written_table() -> str:
    """Return the table as it stands in the README."""
    found = _TABLE.search(README.read_text(encoding="utf-8"))
    return found.group() if found else ""


def table_of(refusals: Sequence[asyncpg.Record]) -> str:
    """Return the table of the rows of `LIST`."""
    head = ["| name | SQLSTATE | an event so refused | the sentence |", "|---|---|---|---|"]
    rows = [
        f"| `{name}` | `{sqlstate}` | {_fate(Refusal[name])} | {sentence} |"
        for name, sqlstate, sentence in refusals
    ]
    return "\n".join([*head, *rows])


def _fate(refusal: Refusal) -> str:
    outcome = refusal.event_outcome
    return "is tried again" if outcome is None else outcome.replace("_", "-")


async def _current_table(superuser_url: str) -> str:
    logins = await create_logins(superuser_url)
    urls = await migrated_database(superuser_url, "refusals", logins)
    async with connected(urls.superuser) as connection:
        return table_of(await connection.fetch(LIST))


def _write() -> None:
    with temporary_directory() as directory, EmbeddedPostgres(directory) as server:
        table = asyncio.run(_current_table(server.superuser_url))
    text = README.read_text(encoding="utf-8")
    README.write_text(_TABLE.sub(lambda _: table, text, count=1), encoding="utf-8")


if __name__ == "__main__":
    _write()
