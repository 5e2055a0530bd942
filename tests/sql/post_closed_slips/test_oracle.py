"""Batches must do what one slip after the other does."""

import random
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty_worker.embedded.logins import DatabaseUrls
from sqloracle import LIMIT, Oracle
from sqlslips import GHOST, REWARD, Connection, Slip, new_slip, post, snapshot
from sqltools import add_casino

_DISABLE = "INSERT INTO casino_settings (casino_id, accrual_enabled) VALUES ($1, false)"
_CHANGES: list[dict[str, object]] = [
    {"average_bet": Decimal("100.00")},  # the same fact in other digits
    {"average_bet": Decimal("150.5")},
    {"duration_seconds": 3600},
    {"duration_seconds": 7201},  # longer than the time between
    {"visit_kind": GHOST, "player_id": None, "policy_snapshot": None},
    {"visit_kind": REWARD},
    {"policy_snapshot": None},
    {"policy_snapshot": snapshot(points_conversion_rate="10.0")},
    {"policy_snapshot": snapshot(house_edge="much")},
    {"policy_snapshot": snapshot(decisions_per_hour=None)},
    {"policy_snapshot": snapshot(policy_version="loyalty_points_v9")},
    {"average_bet": Decimal(10) ** 9, "policy_snapshot": snapshot(points_conversion_rate=47000)},
    {"average_bet": Decimal(10) ** 9, "policy_snapshot": snapshot(points_conversion_rate=48000)},
    {"key": None},
]


class History:
    """Random events of three casinos, made so that slips, keys and players meet often."""

    def __init__(self, seed: int, enabled: dict[uuid.UUID, bool]) -> None:
        self.rng = random.Random(seed)
        self.casinos = [*enabled, self.id()]  # the last one nobody provisioned
        self.players = [self.id() for _ in range(4)]
        self.keys = [self.id() for _ in range(12)]
        self.slips = [
            new_slip(
                self.rng.choice(self.casinos),
                rating_slip_id=self.id(),
                visit_id=self.id(),
                player_id=self.rng.choice(self.players),
            )
            for _ in range(10)
        ]

    def id(self) -> uuid.UUID:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def event(self) -> Slip:
        slip = self.rng.choice(self.slips).but(key=self.rng.choice(self.keys))
        if self.rng.random() < 0.4:
            slip = slip.but(**self.rng.choice(_CHANGES))
        if self.rng.random() < 0.1:
            slip = slip.but(player_id=self.rng.choice(self.players))
        if self.rng.random() < 0.1:
            slip = slip.but(closed_at=slip.closed_at + timedelta(microseconds=1))
        return slip


async def _assert_same_ledger(superuser: Connection, oracle: Oracle) -> None:
    entries = await superuser.fetch(
        "SELECT casino_id, player_id, rating_slip_id, points_delta, entry_no, balance_after"
        " FROM loyalty_ledger WHERE casino_id = ANY ($1) ORDER BY casino_id, player_id, entry_no",
        list(oracle.enabled),
    )
    expected = []
    for (casino, player), posted in sorted(oracle.entries.items()):
        balance = 0
        for number, (slip, points) in enumerate(posted, start=1):
            balance += points
            expected.append((casino, player, slip, points, number, balance))
    assert [tuple(entry) for entry in entries] == expected

    balances = await superuser.fetch(
        "SELECT casino_id, player_id, current_balance, entry_count FROM player_loyalty"
        " WHERE casino_id = ANY ($1)",
        list(oracle.enabled),
    )
    assert {tuple(row) for row in balances} == {
        (*player, oracle.balance(player), len(posted))
        for player, posted in oracle.entries.items()
        if posted
    }
    slips = await superuser.fetch(
        "SELECT casino_id, id FROM rating_slip WHERE casino_id = ANY ($1)", list(oracle.enabled)
    )
    assert {tuple(row) for row in slips} == set(oracle.slips)


@pytest.mark.parametrize(("largest_batch", "histories"), [(1, 20), (7, 60), (60, 120)])
async def test_batches_of_any_size_give_what_one_by_one_gives(
    database: DatabaseUrls,
    worker: Connection,
    superuser: Connection,
    largest_batch: int,
    histories: int,
) -> None:
    seen: set[tuple[str, str | None]] = set()
    for seed in range(histories):
        enabled = {uuid.uuid4(): True for _ in range(3)}
        for casino in enabled:
            await add_casino(database, str(casino))
        history, oracle = History(seed, enabled), Oracle(enabled)
        events = [history.event() for _ in range(120)]
        while events:
            if len(events) < 100 and enabled[last := history.casinos[2]]:
                enabled[last] = False
                await superuser.execute(_DISABLE, last)
            size = history.rng.randint(1, largest_batch)
            batch, events = events[:size], events[size:]
            expected = [oracle.post(slip) for slip in batch]
            assert await post(worker, *batch) == expected, f"seed {seed}"
            seen |= {(v.verdict, v.refusal or v.duplicate_by) for v in expected}
        await _assert_same_ledger(superuser, oracle)
    assert await superuser.fetch("SELECT * FROM check_loyalty_balance_drift()") == []
    assert len(seen) == 14, seen


async def test_a_player_without_an_entry_leaves_no_balance_behind(
    worker: Connection, superuser: Connection, casino: uuid.UUID
) -> None:
    too_much = snapshot(points_conversion_rate=LIMIT)
    await post(worker, new_slip(casino, policy_snapshot=too_much))

    assert await superuser.fetchval("SELECT count(*) FROM player_loyalty") == 0
    assert await superuser.fetchval("SELECT count(*) FROM player") == 0
