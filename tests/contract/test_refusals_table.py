"""The database's list of refusals, Python's table and the README's are one."""

from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls
from refusaltable import LIST, table_of, written_table
from sqltools import connected


async def test_database_python_and_readme_tell_the_same_refusals(database: DatabaseUrls) -> None:
    async with connected(database.readonly) as connection:
        refusals = await connection.fetch(LIST)

    assert [(name, sqlstate) for name, sqlstate, _ in refusals] == [
        (refusal.name, refusal.sqlstate) for refusal in Refusal
    ]
    assert written_table() == table_of(refusals), "run `make refusals-table`"
