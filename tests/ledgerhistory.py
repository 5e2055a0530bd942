"""A history that the model and the database live through together, step by step."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest
from hypothesis import note

from ledgerclient import Done, LedgerClient, ledger_client
from ledgermodel import Accrue, Draft, Entry, Ledger, Request
from ledgerrules import decide, decide_event
from ledgerscene import Scene, state_of
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import Connection, Slip, post_rows, scope
from sqltools import connected

Key = tuple[uuid.UUID, uuid.UUID]
_ENTRIES = (
    "SELECT casino_id, player_id, entry_no, points_delta, balance_after, reason::text, id,"
    " idempotency_key, rating_slip_id, campaign_id, reversed_ledger_id"
    " FROM loyalty_ledger WHERE casino_id = ANY ($1) ORDER BY casino_id, player_id, entry_no"
)


@dataclass
class Stage:
    """The connections of a run: gateways, one worker for batches, and who looks from outside."""

    client: LedgerClient
    worker: Connection
    superuser: Connection


@asynccontextmanager
async def open_stage(database: DatabaseUrls, connections: int) -> AsyncIterator[Stage]:
    """Give a stage whose client has so many connections of each login."""
    async with (
        ledger_client(database, connections) as client,
        connected(database.worker) as worker,
        connected(database.superuser) as superuser,
    ):
        yield Stage(client, worker, superuser)


@dataclass
class History:
    """A scene, the model of its ledger, and the cached balances as they must be."""

    stage: Stage
    scene: Scene
    ledger: Ledger = field(default_factory=Ledger)
    cache: dict[Key, tuple[int, int]] = field(default_factory=dict)

    async def ask(self) -> None:
        """Make one request and compare."""
        ids = [entry_id for _, entry_id in self.ledger.of_id]
        actor, request = self.scene.request(ids)
        note(f"{actor.role} asks {request}")
        expected = decide(self.scene.world, self.ledger, actor, request)
        found = await self.stage.client.ask(actor, request)
        self.compare(expected, found, request)
        await self.check()

    def compare(
        self, expected: Draft | Entry | Refusal, found: Done | Refusal, request: Request
    ) -> None:
        """Compare an answer with the model's, and let the model follow."""
        if isinstance(found, Refusal) or isinstance(expected, Refusal):
            assert found == expected
        elif isinstance(expected, Entry):
            assert found == _answer(expected, existing=True)
        else:
            entry = self.ledger.post(request.casino_id, expected, found.ledger_id, request)
            assert found == _answer(entry, existing=False)
            self.follow(entry)

    def follow(self, entry: Entry) -> None:
        """Move the cached balance by the entry's points, from zero where there is none."""
        at = (entry.casino_id, entry.player_id)
        balance, count = self.cache.get(at, (0, 0))
        self.cache[at] = (balance + entry.points_delta, count + 1)

    async def post_batch(self) -> None:
        """Let the worker post a batch of one casino's slips, each as if it were alone."""
        rng, world = self.scene.rng, self.scene.world
        casino = rng.choice(list(world.casinos))
        slips = [slip for slip in self.scene.slips if slip.casino_id == casino]
        batch = [
            slip.but(key=self.scene.key() or uuid.uuid4())
            for slip in rng.choices(slips, k=rng.randint(1, 3))
        ]
        async with scope(self.stage.worker, [casino]):
            rows = await post_rows(self.stage.worker, batch)
        for slip, row in zip(batch, rows, strict=True):
            note(f"the worker posts slip {slip.rating_slip_id} with key {slip.key}")
            self._compare_verdict(slip, row)
        await self.check()

    def _compare_verdict(self, slip: Slip, row: asyncpg.Record) -> None:
        world, slip_key = self.scene.world, (slip.casino_id, slip.rating_slip_id)
        request = Accrue(casino_id=slip.casino_id, rating_slip_id=slip.rating_slip_id, key=slip.key)
        expected = decide_event(world, self.ledger, request, state_of(slip))
        known = slip_key in world.slips and world.slips[slip_key].closed
        if isinstance(expected, Entry):
            by = "key" if expected.key == slip.key else "natural_key"
            assert (row["verdict"], row["duplicate_by"]) == ("duplicate", by)
            assert row["ledger_id"] == expected.id
        elif isinstance(expected, Draft):
            assert (row["verdict"], row["points"]) == ("accrued", expected.points_delta)
            self.follow(self.ledger.post(slip.casino_id, expected, row["ledger_id"], request))
        elif expected is Refusal.LOYALTY_UNRATED_VISIT:
            assert row["verdict"] == ("duplicate" if known else "skipped")
        else:
            assert (row["verdict"], row["refusal"]) == ("refused", expected.name)
            return
        world.slips[slip_key] = state_of(slip)

    async def reconcile(self) -> None:
        """Let somebody put a cached balance right."""
        rng = self.scene.rng
        actor = rng.choice(self.scene.reconcilers())
        player = rng.choice(self.scene.players)
        note(f"{actor.role} reconciles {player}")
        found = await self.stage.client.reconcile(actor, player)
        at = (actor.casino_id, player)
        entries = self.ledger.entries(*at)
        truth = (self.ledger.balance(*at), len(entries))
        cached = self.cache.get(at)
        if actor.role not in {"admin", "operator"}:
            assert found is Refusal.LOYALTY_FORBIDDEN
        elif cached is None and not entries:
            assert found is Refusal.LOYALTY_PLAYER_NOT_FOUND
        else:
            assert found == ((cached or (0, 0))[0], truth[0], cached != truth)
            self.cache[at] = truth
        await self.check()

    async def spoil_a_cache(self) -> None:
        """Make a cached balance wrong, or away."""
        if not self.cache:
            return
        rng = self.scene.rng
        at = rng.choice(list(self.cache))
        if rng.random() < 0.5:
            await self.stage.superuser.execute(
                "DELETE FROM player_loyalty WHERE casino_id = $1 AND player_id = $2", *at
            )
            del self.cache[at]
        else:
            amount, count = rng.choice([-700, 0, 5000]), rng.choice([0, 1])
            await self.stage.superuser.execute(
                "UPDATE player_loyalty SET current_balance = current_balance + $3,"
                " entry_count = entry_count + $4 WHERE casino_id = $1 AND player_id = $2",
                *(*at, amount, count),
            )
            balance, entries = self.cache[at]
            self.cache[at] = (balance + amount, entries + count)
        await self.check()

    async def change_rules(self) -> None:
        """Change a casino's caps, and whether slips may earn."""
        rng = self.scene.rng
        casino, rules = rng.choice(list(self.scene.world.casinos.items()))
        rules.max_overdraw = rng.choice([None, 0, 500, 5000])
        rules.max_redeem = rng.choice([None, 0, 2000, 20000])
        rules.accrual_enabled = rng.random() < 0.8
        await self.stage.client.change_rules(casino, rules)

    async def tamper(self) -> None:
        """Try to change entries: nobody can (I6)."""
        statement = self.scene.rng.choice(
            [
                "UPDATE loyalty_ledger SET points_delta = 0",
                "DELETE FROM loyalty_ledger",
                "TRUNCATE loyalty_ledger",
                "UPDATE audit_log SET actor_name = 'nobody'",
            ]
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await self.stage.superuser.execute(statement)
        await self.check()

    async def check(self) -> None:
        """Compare entries, caches and what the drift check finds with the model (I1 to I5)."""
        casinos = list(self.scene.world.casinos)
        rows = [tuple(row) for row in await self.stage.superuser.fetch(_ENTRIES, casinos)]
        assert rows == sorted(
            (_columns(entry) for entry in self.ledger.of_id.values()), key=lambda row: row[:3]
        )
        for casino in casinos:
            found = await self.stage.superuser.fetch(
                "SELECT player_id, kind, drift FROM check_loyalty_balance_drift($1)", casino
            )
            assert {tuple(row) for row in found} == set(self._expected_drift(casino))
        cached = await self.stage.superuser.fetch(
            "SELECT casino_id, player_id, current_balance, entry_count FROM player_loyalty"
            " WHERE casino_id = ANY ($1)",
            casinos,
        )
        assert {(row[0], row[1]): (row[2], row[3]) for row in cached} == self.cache

    def _expected_drift(self, casino: uuid.UUID) -> list[tuple[uuid.UUID, str, int]]:
        findings = []
        for at in {at for at in (*self.ledger.of_player, *self.cache) if at[0] == casino}:
            balance, entries = self.ledger.balance(*at), len(self.ledger.entries(*at))
            cached = self.cache.get(at)
            drift = (cached or (0, 0))[0] - balance
            kinds = {
                "cache_missing": cached is None,
                "balance": cached is not None and cached[0] != balance,
                "entry_count": cached is not None and cached[1] != entries,
            }
            findings += [(at[1], kind, drift) for kind, there in kinds.items() if there]
        return findings


def _answer(entry: Entry, *, existing: bool) -> Done:
    return Done(entry.id, entry.points_delta, entry.balance_after, existing, entry.overdraw)


def _columns(entry: Entry) -> tuple[object, ...]:
    return (
        entry.casino_id,
        entry.player_id,
        entry.entry_no,
        entry.points_delta,
        entry.balance_after,
        entry.reason,
        entry.id,
        entry.key,
        entry.rating_slip_id,
        entry.campaign_id,
        entry.reversed_id,
    )
