"""What the gauges show of the drift checks."""

import uuid
from dataclasses import replace

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import account, begin, checked, close, drift_gauges, house, plant, walk
from sqlslips import Connection
from sqltools import add_casino


async def _others(connection: Connection) -> dict[tuple[str, str], float]:
    return {
        (row["gauge"].removeprefix("drift_check_"), row["label"]): row["value"]
        for row in await connection.fetch(
            "SELECT * FROM operational_gauges() WHERE gauge LIKE 'drift\\_check\\_%'"
        )
    }


async def test_a_player_counts_once_and_by_the_gravest_severity(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    whole = account(casino, 10, 20, 30)
    # balance and entry_count are warnings, the missing entry is critical
    damaged = replace(whole, entries=whole.entries[1:]).cached(200)
    await plant(superuser, house(casino, damaged, account(casino, 1).cached(301, 3)))
    await checked(worker)
    assert await drift_gauges(worker) == {"critical": 1, "warning": 1, "points": 150 + 300}


async def test_the_gauges_show_the_newest_finished_run_of_each_casino(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    other = uuid.uuid4()
    await add_casino(database, str(other))
    assert await _others(worker) == {}
    damaged = [account(casino, 30).cached(1), account(other, 30).cached(2)]
    await plant(superuser, house(casino, damaged[0]) + house(other, damaged[1]))
    await checked(worker)
    assert await drift_gauges(worker) == {"info": 2, "points": 29 + 28}

    mended = "UPDATE player_loyalty SET current_balance = 30 WHERE player_id = $1"
    await superuser.execute(mended, damaged[0].player)
    unfinished = await begin(worker, casino)
    await walk(worker, unfinished)
    assert await drift_gauges(worker) == {"info": 2, "points": 29 + 28}
    await close(worker, unfinished)
    assert await drift_gauges(worker) == {"info": 1, "points": 28}


async def test_a_casino_whose_players_are_all_gone_shows_no_drift_of_before(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await plant(superuser, [account(casino, 30).cached(1)])
    await checked(worker)
    await superuser.execute("DELETE FROM player_loyalty")
    await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
    await superuser.execute("DELETE FROM loyalty_ledger")
    await checked(worker)
    assert await drift_gauges(worker) == {}


async def test_runs_are_counted_by_verdict_and_the_newest_successful_one_is_timed(
    worker: Connection, readonly: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    await checked(worker)
    await plant(superuser, [account(casino, 30).cached(1)])
    newest = await checked(worker)
    await begin(worker)
    await superuser.execute(
        "UPDATE drift_check_run SET advanced_at = '2026-01-01' WHERE finished_at IS NULL"
    )
    await begin(worker)
    finished, duration = await superuser.fetchrow(
        "SELECT extract(epoch FROM finished_at)::float8,"
        " extract(epoch FROM finished_at - started_at)::float8"
        " FROM drift_check_run WHERE id = $1",
        newest,
    ) or (0, 0)
    await checked(worker, casino)  # one casino alone: all are not checked anew by it
    for connection in (worker, readonly):
        assert await _others(connection) == {
            ("runs_total", "clean"): 1,
            ("runs_total", "drift"): 2,
            ("runs_total", "abandoned"): 1,
            ("last_success_timestamp_seconds", ""): finished,
            ("duration_seconds", ""): duration,
        }
