"""How grave a finding is."""

import uuid

from loyalty_worker.embedded.logins import DatabaseUrls
from sqldrift import account, checked, plant
from sqlslips import Connection
from sqltools import add_casino

_DRIFTS = (0, 1, -1, 100, -101, 1000, -1001, 1001)
_SEVERITIES = "SELECT drift, kind, severity FROM drift_finding"


async def test_the_severity_follows_the_points(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    sound = [account(casino, 1) for _ in range(200)]
    await plant(
        superuser, [*sound, *(account(casino, 5_000).cached(5_000 + drift) for drift in _DRIFTS)]
    )
    await checked(worker)
    assert {row["drift"]: row["severity"] for row in await worker.fetch(_SEVERITIES)} == {
        1: "info",
        -1: "info",
        100: "info",
        -101: "warning",
        1000: "warning",
        -1001: "critical",
        1001: "critical",
    }


async def test_a_damaged_ledger_is_critical_whatever_the_points_and_a_count_is_not(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    sound = [account(casino, 1) for _ in range(200)]
    damaged = [account(casino, 1, 1) for _ in range(3)]
    await plant(superuser, [*sound, *damaged, account(casino, 1).cached(1, 2)])
    await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
    for statement, player in zip(
        (
            "UPDATE loyalty_ledger SET balance_after = 3 WHERE player_id = $1 AND entry_no = 1",
            "UPDATE loyalty_ledger SET entry_no = 4 WHERE player_id = $1 AND entry_no = 2",
        ),
        damaged,
        strict=False,
    ):
        await superuser.execute(statement, player.player)

    await checked(worker)
    found = {(row["kind"], row["severity"]) for row in await worker.fetch(_SEVERITIES)}
    assert found == {
        ("chain_broken", "critical"),
        ("entries_missing", "critical"),
        ("entry_count", "info"),
    }


async def test_all_of_a_casino_is_critical_where_more_than_one_in_twenty_players_drift(
    database: DatabaseUrls, worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    above = uuid.uuid4()
    await add_casino(database, str(above))
    # two findings of one player are one player
    drifting = [
        account(each, 5_000).cached(5_001, 2)
        for each, number in ((casino, 2), (above, 3))
        for _ in range(number)
    ]
    sound = [account(casino, 1) for _ in range(38)] + [account(above, 1) for _ in range(37)]
    await plant(superuser, [*drifting, *sound])

    await checked(worker)
    rows = await worker.fetch("SELECT casino_id, kind, severity FROM drift_finding")
    assert {tuple(row) for row in rows} == {
        (each, kind, severity)
        for each, severity in ((casino, "info"), (above, "critical"))
        for kind in ("balance", "entry_count")
    }
