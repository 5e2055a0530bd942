"""Whether the drift check should leave room for posting."""

from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection
from sqltools import seem_busy

_ASK = "SELECT records_are_posted(5)"
_AGE = "UPDATE consumer_progress SET updated_at = now() - make_interval(secs => $1)"


async def test_a_position_that_moved_just_now_says_so(
    database: DatabaseUrls, worker: Connection, superuser: Connection
) -> None:
    assert await worker.fetchval(_ASK) is False
    await seem_busy(database)
    await superuser.execute(_AGE, 1)
    assert await worker.fetchval(_ASK) is True
    await superuser.execute(_AGE, 6)
    assert await worker.fetchval(_ASK) is False


async def test_a_former_generation_says_nothing(
    database: DatabaseUrls, worker: Connection, superuser: Connection
) -> None:
    await seem_busy(database)
    await superuser.execute("UPDATE consumer_progress SET closed_at = now()")
    assert await worker.fetchval(_ASK) is False
