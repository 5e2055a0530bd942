"""Requests of many people at once, over many connections: each answer must be explainable.

Nobody knows in which order the database took requests that overlap. What is known of an entry is
its number, so each request must be answered as the model answers it at some point of the player's
entries between those that were there for certain when it was made and those that may have been
when it was answered.
"""

import asyncio
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from ledgerclient import Done, ledger_client
from ledgermodel import (
    Accrue,
    Actor,
    Draft,
    Entry,
    Ledger,
    Move,
    Promote,
    Request,
    Reverse,
    World,
    without_key,
)
from ledgerrules import decide, reason_of
from ledgerscene import Scene, set_scene
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import connected

CONNECTIONS = 8
REQUESTS = 150  # of each connection


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its answer; `asked` and `answered` are ticks of one clock."""

    actor: Actor
    request: Request
    answer: Done | Refusal
    asked: int
    answered: int


@dataclass
class Diary:
    """What was asked and answered, in the order of the answers."""

    scene: Scene
    answers: list[Answered] = field(default_factory=list)
    ticks: int = 0

    def tick(self) -> int:
        self.ticks += 1
        return self.ticks

    def entry_ids(self) -> list[uuid.UUID]:
        """Return the ids of entries that are known to be there."""
        return [a.answer.ledger_id for a in self.answers if isinstance(a.answer, Done)]

    def posted(self) -> list[Answered]:
        """Return what posted an entry."""
        return [a for a in self.answers if isinstance(a.answer, Done) and not a.answer.is_existing]


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry as it stands in the ledger, and the request that posted it."""

    entry: Entry
    by: Answered


def player_of(world: World, posted: dict[uuid.UUID, Posted], request: Request) -> uuid.UUID | None:
    """Return whose entries a request is about; None where it names nobody's."""
    match request:
        case Move():
            return request.player_id
        case Reverse():
            found = posted.get(request.ledger_id)
            return found.entry.player_id if found else None
        case Accrue() | Promote():
            slip = world.slips.get((request.casino_id, request.rating_slip_id))
            return slip.player_id if slip else None


def points_in_time(
    posted: dict[uuid.UUID, Posted], answered: Answered, player: uuid.UUID | None
) -> Iterator[Ledger]:
    """Yield the ledgers that a request may have met."""
    casino = answered.request.casino_id
    certain = [p for p in posted.values() if p.by.answered < answered.asked]
    possible = [
        p for p in posted.values() if p.by.asked < answered.answered and p.by is not answered
    ]
    own = sorted(
        (p for p in possible if (p.entry.casino_id, p.entry.player_id) == (casino, player)),
        key=lambda p: p.entry.entry_no,
    )
    least = sum(1 for p in own if p.by.answered < answered.asked)
    for others in (certain, possible):
        elsewhere = [
            p.entry for p in others if (p.entry.casino_id, p.entry.player_id) != (casino, player)
        ]
        elsewhere.sort(key=lambda entry: entry.entry_no)
        for there in range(least, len(own) + 1):
            chain = [p.entry for p in own[:there]]
            if [entry.entry_no for entry in chain] == list(range(1, there + 1)):
                yield Ledger.of([*elsewhere, *chain])


def explains(ledger: Ledger, world: World, answered: Answered, number: int | None) -> bool:
    """Whether the model answers so at this point; `number` is that of the entry it posted."""
    expected, found = decide(world, ledger, answered.actor, answered.request), answered.answer
    if isinstance(expected, Refusal) or isinstance(found, Refusal):
        return expected is found
    if isinstance(expected, Draft):
        casino = answered.request.casino_id
        if len(ledger.entries(casino, expected.player_id)) + 1 != number:
            return False
        expected = ledger.post(casino, expected, found.ledger_id, answered.request)
        existing = False
    else:
        existing = True
    return found == Done(
        expected.id, expected.points_delta, expected.balance_after, existing, expected.overdraw
    )


def unexplained(
    world: World, posted: dict[uuid.UUID, Posted], answers: list[Answered]
) -> Iterator[Answered]:
    """Yield the answers that the model gives at no point of time that is possible."""
    for answered in answers:
        player = player_of(world, posted, answered.request)
        number = next((p.entry.entry_no for p in posted.values() if p.by is answered), None)
        if not any(
            explains(ledger, world, answered, number)
            for ledger in points_in_time(posted, answered, player)
        ):
            yield answered


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_answer_to_requests_at_once_is_one_that_the_model_gives_in_between(
    database: DatabaseUrls, seed: int
) -> None:
    async with (
        ledger_client(database, CONNECTIONS) as client,
        connected(database.superuser) as superuser,
    ):
        diary = Diary(await set_scene(superuser, random.Random(seed)))

        async def somebody() -> None:
            for _ in range(REQUESTS):
                actor, request = diary.scene.request(diary.entry_ids())
                asked = diary.tick()
                answer = await client.ask(actor, request)
                diary.answers.append(Answered(actor, request, answer, asked, diary.tick()))

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(somebody())
        rows = await superuser.fetch(
            "SELECT id, casino_id, player_id, entry_no, points_delta, balance_after,"
            " idempotency_key, rating_slip_id, campaign_id, reversed_ledger_id FROM loyalty_ledger"
        )
        drift = await superuser.fetch("SELECT * FROM check_loyalty_balance_drift()")

    by_entry = {a.answer.ledger_id: a for a in diary.posted() if isinstance(a.answer, Done)}
    posted = {
        row["id"]: Posted(_entry(row, by_entry[row["id"]]), by_entry[row["id"]]) for row in rows
    }
    assert posted.keys() == by_entry.keys()
    assert len(posted) > 50
    assert list(unexplained(diary.scene.world, posted, diary.answers)) == []
    assert drift == []


def _entry(row: asyncpg.Record, by: Answered) -> Entry:
    assert isinstance(by.answer, Done)
    return Entry(
        **{name: row[name] for name in ("id", "casino_id", "player_id", "entry_no")},
        reason=reason_of(by.request),
        points_delta=row["points_delta"],
        balance_after=row["balance_after"],
        key=row["idempotency_key"],
        request=without_key(by.request),
        rating_slip_id=row["rating_slip_id"],
        campaign_id=row["campaign_id"],
        reversed_id=row["reversed_ledger_id"],
        overdraw=by.answer.overdraw,
    )
