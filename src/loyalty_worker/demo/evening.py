"""A casino evening as a stream of messages: the same seed gives the same evening, byte for byte."""

import heapq
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final

from loyalty_worker.demo.broken import break_slip, contradict
from loyalty_worker.demo.messages import Message, attributes_of, data_of, write
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.slips import Slip, close_slip
from loyalty_worker.demo.tally import Expected
from loyalty_worker.domain.outcomes import Outcome

_OPENING: Final = time(16, tzinfo=UTC)
_OPEN_HOURS: Final = 10
_LATEST_REPEAT: Final = 60
_CONTRADICTED_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class EveningPlan:
    """What to simulate.

    `slips` are distinct closed slips. On top of them come repeats and broken messages, each as a
    share of the slips between 0 and 1. `day` is the gaming day whose evening it is.
    """

    casinos: int
    slips: int
    seed: int
    day: date
    duplicates: float = 0.05
    broken: float = 0.01


@dataclass(frozen=True, slots=True, order=True)
class _Repeat:
    """A slip to be told again after the slip with that number; both numbers order it."""

    due: int
    number: int
    message: Message


def evening(plan: EveningPlan) -> Iterator[Message]:
    """Yield the messages in the order of publishing.

    Every number of the plan goes into the seed: plans that differ never share a slip, and the same
    plan again is the same events again, which a worker must find to be duplicates.
    """
    rng = Random(repr(astuple(plan)))
    casinos = open_casinos(plan.casinos)
    opening = datetime.combine(plan.day, _OPENING)
    repeats: list[_Repeat] = []
    for number in range(plan.slips):
        now = opening + timedelta(hours=_OPEN_HOURS * number / plan.slips)
        slip = close_slip(rng, rng.choice(casinos), now)
        yield _tell(rng, slip)
        if rng.random() < plan.duplicates:
            due = number + rng.randint(0, _LATEST_REPEAT)
            heapq.heappush(repeats, _Repeat(due, number, _tell_again(rng, slip)))
        if rng.random() < plan.broken:
            if slip.is_rated and rng.random() < _CONTRADICTED_SHARE:
                yield contradict(rng, slip)
            else:
                yield break_slip(rng, close_slip(rng, slip.casino, now))
        while repeats and repeats[0].due <= number:
            yield heapq.heappop(repeats).message
    while repeats:
        yield heapq.heappop(repeats).message


def _tell(rng: Random, slip: Slip) -> Message:
    expected = Expected(Outcome.SKIPPED)
    if slip.is_rated and slip.player_id is not None:
        account = (slip.casino.casino_id, slip.player_id)
        expected = Expected(Outcome.ACCRUED, account=account, points=slip.points)
    return write(rng, slip, attributes_of(slip), data_of(slip), expected)


def _tell_again(rng: Random, slip: Slip) -> Message:
    """The same event once more, or the same slip under another event id; either mode."""
    attributes = attributes_of(slip, event_number=rng.choice((1, 1, 2)))
    data = data_of(slip, amounts_as_text=rng.random() < 1 / 2)
    return write(rng, slip, attributes, data, Expected(Outcome.DUPLICATE))
