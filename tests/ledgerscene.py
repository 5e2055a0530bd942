"""Two casinos with staff, players and slips, and random requests that often meet each other."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ledgermodel import (
    LIMIT,
    OPERATOR,
    SERVICE,
    Accrue,
    Actor,
    CasinoRules,
    Move,
    Promote,
    Request,
    Reverse,
    SlipState,
    World,
)
from loyalty_worker.domain.refusals import Refusal
from sqloracle import exact_points
from sqlslips import GHOST, Connection, Slip, new_slip, snapshot

_ROLES = ("pit_boss", "pit_boss", "cashier", "admin", "admin", "dealer")
_POINTS = (1, 40, 100, 100, 350, 800, 2000, 2001, 4000)
_ODD_POINTS = (LIMIT, LIMIT + 1, 0, -1, -250)
_MULTIPLIERS = (*map(Decimal, ("1", "1.37", "1.37", "2", "1.0005", "0.5")), None)
_BONUSES = (None, None, 500, 1, 0, -5, LIMIT)
_NOTES = (*["a dinner"] * 6, "goodwill", "", " \t")


@dataclass
class Scene:
    """What a history plays on; `rng` decides everything but the ids, which are fresh."""

    rng: random.Random
    world: World
    people: list[Actor]
    slips: list[Slip]
    players: list[uuid.UUID]
    campaigns: list[str] = field(
        default_factory=lambda: ["spring", "spring", "night", "night", " "]
    )
    history: list[tuple[Actor, Request]] = field(default_factory=list)

    def request(self, entries: Sequence[uuid.UUID]) -> tuple[Actor, Request]:
        """Return who asks for what; `entries` are the ids that may be reversed."""
        rng = self.rng
        if self.history and rng.random() < 0.2:
            actor, request = rng.choice(self.history)
            if rng.random() < 0.3:
                request = replace(request, key=uuid.uuid4())
        else:
            actor = rng.choice(self.people)
            request = self._new_request(actor, entries)
        self.history.append((actor, request))
        return actor, request

    def reconcilers(self) -> list[Actor]:
        """Return who may come to reconcile: an operator, and people with the right or without."""
        return [
            *(actor for actor in self.people if actor.role in {"admin", "cashier"}),
            *(Actor(OPERATOR, casino) for casino in self.world.casinos),
        ]

    def _new_request(self, actor: Actor, entries: Sequence[uuid.UUID]) -> Request:
        rng = self.rng
        casino = actor.casino_id if rng.random() < 0.95 else self._other(actor.casino_id)
        staff = actor.staff_id if rng.random() < 0.95 else rng.choice(self.people).staff_id
        staff_id = staff or uuid.uuid4()
        key = self.key()
        note = rng.choice(_NOTES)
        slip = rng.choice([slip for slip in self.slips if slip.casino_id == casino])
        kind = self._kind(actor)
        if kind == "accrue":
            return Accrue(casino_id=casino, rating_slip_id=slip.rating_slip_id, key=key)
        if kind == "promote":
            multiplier = rng.choice(_MULTIPLIERS)
            bonus = rng.choice(_BONUSES) if multiplier is None or rng.random() < 0.1 else None
            return Promote(
                casino_id=casino,
                rating_slip_id=slip.rating_slip_id,
                campaign_id=rng.choice(self.campaigns),
                multiplier=multiplier,
                bonus=bonus,
                key=key,
            )
        if kind == "reverse":
            target = rng.choice(entries) if entries and rng.random() < 0.95 else uuid.uuid4()
            return Reverse(
                casino_id=casino, ledger_id=target, staff_id=staff_id, note=note, key=key
            )
        return Move(
            reason=kind,
            casino_id=casino,
            player_id=rng.choice(self.players),
            points=rng.choice(_POINTS if rng.random() < 0.85 else _ODD_POINTS),
            staff_id=staff_id,
            note=note,
            key=key,
            allow_overdraw=kind == "redeem" and rng.random() < 0.4,
        )

    def _kind(self, actor: Actor) -> str:
        """Return a kind of request that fits the database role; the person may lack the right."""
        if actor.role == SERVICE:
            return self.rng.choice(["accrue", "promote"])
        return self.rng.choice(
            [
                *("accrue", "promote", "promote", "redeem", "redeem", "redeem"),
                *("manual_reward", "adjustment", "reverse", "reverse"),
            ]
        )

    def key(self) -> uuid.UUID | None:
        """Return a key: mostly a new one, seldom one that came before, or none."""
        chance = self.rng.random()
        if chance < 0.03:
            return None
        if self.history and chance < 0.2:
            return self.rng.choice(self.history)[1].key
        return uuid.uuid4()

    def _other(self, casino_id: uuid.UUID) -> uuid.UUID:
        return next(casino for casino in self.world.casinos if casino != casino_id)


def _slips(rng: random.Random, casino_id: uuid.UUID, players: Sequence[uuid.UUID]) -> list[Slip]:
    rated = [
        new_slip(
            casino_id,
            player_id=rng.choice(players),
            average_bet=Decimal(rng.randrange(1, 2000)) / 100,
            duration_seconds=rng.randrange(60, 7200),
        )
        for _ in range(5)
    ]
    return [
        *rated,
        new_slip(casino_id, player_id=rng.choice(players), average_bet=Decimal(0)),
        new_slip(casino_id, player_id=None, visit_kind=GHOST, policy_snapshot=None),
        new_slip(casino_id, player_id=rng.choice(players), policy_snapshot=None),
        new_slip(
            casino_id, player_id=rng.choice(players), policy_snapshot=snapshot(house_edge="x")
        ),
    ]


def state_of(slip: Slip) -> SlipState:
    """Return what a slip is to the model, once it is closed."""
    if slip.visit_kind == GHOST:
        return SlipState(None, refusal=Refusal.LOYALTY_UNRATED_VISIT)
    if slip.policy_snapshot is None:
        return SlipState(slip.player_id, refusal=Refusal.LOYALTY_SNAPSHOT_MISSING)
    if '"x"' in slip.policy_snapshot:
        return SlipState(slip.player_id, refusal=Refusal.LOYALTY_SNAPSHOT_INVALID)
    return SlipState(slip.player_id, points=exact_points(slip))


async def set_scene(superuser: Connection, rng: random.Random) -> Scene:
    """Provision two casinos, of which the first has low caps, and record their slips."""
    casinos = {
        uuid.uuid4(): CasinoRules(max_overdraw=500, max_redeem=2000),
        uuid.uuid4(): CasinoRules(max_overdraw=None, max_redeem=None),
    }
    known, stranger = [uuid.uuid4() for _ in range(3)], uuid.uuid4()
    scene = Scene(
        rng,
        World(casinos, {}, set(known)),
        people=[
            person
            for casino in casinos
            for person in (
                *(Actor(role, casino, uuid.uuid4()) for role in _ROLES),
                Actor(SERVICE, casino),
            )
        ],
        slips=[slip for casino in casinos for slip in _slips(rng, casino, known)],
        players=[*known, *known, stranger],
    )
    async with superuser.transaction():
        await _provision(superuser, scene)
        await superuser.executemany(
            "INSERT INTO player (id) VALUES ($1)", [(id_,) for id_ in known]
        )
        for casino in casinos:
            # of each casino's rated slips one is open and one is not known at all
            opened, _, *closed = [slip for slip in scene.slips if slip.casino_id == casino]
            for slip in (opened, *closed):
                await _record(superuser, slip, "open" if slip is opened else "closed")
                state = replace(state_of(slip), closed=slip is not opened)
                scene.world.slips[slip.casino_id, slip.rating_slip_id] = state
    return scene


async def _provision(superuser: Connection, scene: Scene) -> None:
    for casino, rules in scene.world.casinos.items():
        await superuser.execute("INSERT INTO casino (id, name) VALUES ($1, 'Casino')", casino)
        await superuser.execute(
            "INSERT INTO casino_settings"
            " (casino_id, max_overdraw_points_per_redeem, max_redeem_points_per_txn)"
            " VALUES ($1, $2, $3)",
            casino,
            rules.max_overdraw,
            rules.max_redeem,
        )
    await superuser.executemany(
        "INSERT INTO staff (casino_id, id, role) VALUES ($1, $2, $3)",
        [
            (actor.casino_id, actor.staff_id, actor.role)
            for actor in scene.people
            if actor.staff_id is not None
        ],
    )


async def _record(superuser: Connection, slip: Slip, status: str) -> None:
    await superuser.execute(
        "INSERT INTO rating_slip (casino_id, id, player_id, visit_id, visit_kind, average_bet,"
        " started_at, closed_at, duration_seconds, status, policy_snapshot)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        slip.casino_id,
        slip.rating_slip_id,
        slip.player_id,
        slip.visit_id,
        slip.visit_kind,
        slip.average_bet,
        slip.started_at,
        slip.closed_at,
        slip.duration_seconds,
        status,
        slip.policy_snapshot,
    )
