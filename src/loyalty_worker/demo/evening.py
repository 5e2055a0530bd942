"""A casino evening as a stream of messages: the same seed gives the same evening, byte for byte."""

import heapq
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final

from loyalty_worker.demo.broken import break_slip, contradict
from loyalty_worker.demo.campaigns import Award, award, break_award, tell_award, tell_award_again
from loyalty_worker.demo.messages import Message, attributes_of, data_of, write
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.slips import Slip, close_slip
from loyalty_worker.demo.tally import Expected
from loyalty_worker.domain.outcomes import Outcome

_OPENING: Final = time(16, tzinfo=UTC)
_OPEN_HOURS: Final = 10
_LATEST: Final = 60
_EARLY_SHARE: Final = 0.3
_CONTRADICTED_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class EveningPlan:
    """What to simulate.

    `slips` are distinct closed slips. On top of them come repeats, broken messages and awards of
    campaigns, each as a share of the slips between 0 and 1; awards are repeated and broken in
    the same shares. `day` is the gaming day whose evening it is.
    """

    casinos: int
    slips: int
    seed: int
    day: date
    duplicates: float = 0.05
    broken: float = 0.01
    promotions: float = 0.0


class _Queue:
    """Messages that are due once so many slips were closed; those due together keep their order."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Message]] = []
        self._pushed = 0

    def push(self, due: int, message: Message) -> None:
        heapq.heappush(self._waiting, (due, self._pushed, message))
        self._pushed += 1

    def pop(self, now: int | None = None) -> Iterator[Message]:
        """Yield what is due by now; all that is left without one."""
        while self._waiting and (now is None or self._waiting[0][0] <= now):
            yield heapq.heappop(self._waiting)[-1]


def evening(plan: EveningPlan) -> Iterator[Message]:
    """Yield the messages in the order of publishing.

    Every number of the plan goes into the seed: plans that differ never share a slip, and the same
    plan again is the same events again, which a worker must find to be duplicates.
    """
    rng = Random(repr(astuple(plan)))
    casinos = open_casinos(plan.casinos)
    opening = datetime.combine(plan.day, _OPENING)
    queue = _Queue()
    for number in range(plan.slips):
        now = opening + timedelta(hours=_OPEN_HOURS * number / plan.slips)
        slip = close_slip(rng, rng.choice(casinos), now)
        told = number
        if rng.random() < plan.promotions:
            early = rng.random() < _EARLY_SHARE
            if early:
                told += rng.randint(1, _LATEST)
            _push_awards(rng, plan, queue, award(rng, slip, early=early), number)
        queue.push(told, _tell(rng, slip))
        if rng.random() < plan.duplicates:
            queue.push(told + rng.randint(0, _LATEST), _tell_again(rng, slip))
        if rng.random() < plan.broken:
            if slip.is_rated and rng.random() < _CONTRADICTED_SHARE:
                queue.push(told, contradict(rng, slip))
            else:
                queue.push(told, break_slip(rng, close_slip(rng, slip.casino, now)))
        yield from queue.pop(number)
    yield from queue.pop()


def _push_awards(rng: Random, plan: EveningPlan, queue: _Queue, given: Award, number: int) -> None:
    due = number if given.early else number + rng.randint(1, _LATEST)
    queue.push(due, tell_award(rng, given))
    if rng.random() < plan.duplicates:
        queue.push(due + rng.randint(0, _LATEST), tell_award_again(rng, given))
    if rng.random() < plan.broken:
        queue.push(due, break_award(rng, given))


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
