"""An upgrade of a database under traffic."""

import asyncio
import shutil
from pathlib import Path

from loyalty_worker.database.migrate import migrate_up
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.resources import resource_folder
from sqlletters import copy_pending, redriven
from sqltools import connected

_WAITS = (
    "SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
    " WHERE a.application_name = 'loyalty-migrate' AND NOT l.granted)"
)


def _before(folder: Path, version: int) -> Path:
    """Make a folder of the migrations below a version, without functions."""
    (folder / "functions").mkdir()
    (folder / "versions").mkdir()
    for file in (resource_folder("migrations") / "versions").glob("*.sql"):
        if int(file.name[:4]) < version:
            shutil.copy(file, folder / "versions" / file.name)
    return folder


async def test_a_migration_lets_a_batch_that_began_before_it_end(
    empty_database: DatabaseUrls, tmp_path: Path
) -> None:
    await migrate_up(empty_database.owner, folder=_before(tmp_path, 12))
    async with connected(empty_database.superuser) as batch:
        # the locks that a batch takes, in its order
        async with batch.transaction():
            await batch.execute("SET LOCAL lock_timeout = '5s'")
            await batch.execute("LOCK TABLE casino IN ACCESS SHARE MODE")
            await batch.execute("LOCK TABLE player_loyalty IN ROW EXCLUSIVE MODE")
            migration = asyncio.create_task(migrate_up(empty_database.owner))
            while not await batch.fetchval(_WAITS):
                assert not migration.done()
                await asyncio.sleep(0.02)
            await batch.execute("LOCK TABLE casino_settings IN ACCESS SHARE MODE")
            for table in ("rating_slip", "player", "loyalty_ledger"):
                await batch.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        assert (await migration).functions_replaced


async def test_letters_of_before_are_due_to_be_copied_and_can_be_redriven(
    empty_database: DatabaseUrls, tmp_path: Path
) -> None:
    await migrate_up(empty_database.owner, folder=_before(tmp_path, 14))
    async with connected(empty_database.superuser) as superuser:
        letter = await superuser.fetchval(
            'INSERT INTO dead_letter (topic, partition, "offset", record_hash, consumer_group,'
            " headers, reason) VALUES ('t', 0, 1, sha256(''), 'g', '[]', 'R') RETURNING id"
        )
    await migrate_up(empty_database.owner)
    async with connected(empty_database.worker) as worker:
        assert await copy_pending(worker) == [letter]
        await redriven(worker, (letter, "accrued"))
        assert await worker.fetchval("SELECT status FROM dead_letter") == "redriven"
