"""Messages that can never succeed, each as some real producer has sent it."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final, TypeAlias

from loyalty_worker.consumers.strict_json import dump
from loyalty_worker.demo.messages import (
    Message,
    attributes_of,
    data_of,
    key_of,
    structured,
    write,
)
from loyalty_worker.demo.scene import any_uuid
from loyalty_worker.demo.slips import Slip
from loyalty_worker.demo.tally import Expected
from loyalty_worker.domain.events import DecodeReason
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.refusals import Refusal

Breakage: TypeAlias = Callable[[Random, Slip], Message]


def _refused(reason: DecodeReason | Refusal) -> Expected:
    return Expected(Outcome.DEAD_LETTERED, reason.name)


def _cut_off(rng: Random, slip: Slip) -> Message:
    text = dump({**attributes_of(slip), "data": data_of(slip)})
    cut = text[: rng.randrange(1, len(text))]
    return structured(slip, cut, _refused(DecodeReason.EVENT_UNDECODABLE))


def _tombstone(_: Random, slip: Slip) -> Message:
    return Message(key_of(slip), None, (), _refused(DecodeReason.EVENT_UNDECODABLE))


def _header_not_utf8(_: Random, slip: Slip) -> Message:
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"\xff\xfe"), ("ce_source", b"/pit"))
    value = dump(data_of(slip)).encode()
    return Message(key_of(slip), value, headers, _refused(DecodeReason.EVENT_UNDECODABLE))


def _without_id(rng: Random, slip: Slip) -> Message:
    attributes = attributes_of(slip)
    del attributes["id"]
    expected = _refused(DecodeReason.EVENT_ID_MISSING)
    return write(rng, slip, attributes, data_of(slip), expected)


def _other_type(rng: Random, slip: Slip) -> Message:
    attributes = {**attributes_of(slip), "type": "casino.rating-slip.opened.v1"}
    expected = _refused(DecodeReason.EVENT_TYPE_UNKNOWN)
    return write(rng, slip, attributes, data_of(slip), expected)


def _schema_violation(rng: Random, slip: Slip) -> Message:
    data = data_of(slip)
    name, value = rng.choice(
        (
            ("average_bet", -slip.average_bet - 1),
            ("average_bet", "a lot"),
            ("game_type", "black\0jack"),
            ("closed_at", "yesterday night"),
            ("duration_seconds", str(slip.duration_seconds)),
            ("visit_id", None),
        )
    )
    data[name] = value
    expected = _refused(DecodeReason.EVENT_SCHEMA_INVALID)
    return write(rng, slip, attributes_of(slip), data, expected)


def _played_longer_than_open(rng: Random, slip: Slip) -> Message:
    seconds = int((slip.closed_at - slip.started_at).total_seconds()) + 60
    data = {**data_of(slip), "duration_seconds": seconds}
    return write(rng, slip, attributes_of(slip), data, _refused(Refusal.LOYALTY_FACTS_INVALID))


def _without_policy(rng: Random, slip: Slip) -> Message:
    data = {**data_of(slip), "policy_snapshot": None}
    return write(rng, slip, attributes_of(slip), data, _refused(Refusal.LOYALTY_SNAPSHOT_MISSING))


def _unknown_casino(rng: Random, slip: Slip) -> Message:
    data = {**data_of(slip), "casino_id": str(any_uuid(rng))}
    return write(rng, slip, attributes_of(slip), data, _refused(Refusal.LOYALTY_CASINO_UNKNOWN))


# The last three need a rated slip: where nothing is earned, the ledger does not ask for so much.
_BREAKAGES: Final[tuple[Breakage, ...]] = (
    _cut_off,
    _tombstone,
    _header_not_utf8,
    _without_id,
    _other_type,
    _schema_violation,
    _played_longer_than_open,
    _without_policy,
    _unknown_casino,
)
_OF_ANY_SLIP: Final = _BREAKAGES[:6]


def break_slip(rng: Random, slip: Slip) -> Message:
    """Make a message of a slip that nothing else tells about, and that the worker must refuse."""
    breakage = rng.choice(_BREAKAGES if slip.is_rated else _OF_ANY_SLIP)
    return breakage(rng, slip)


def contradict(rng: Random, slip: Slip) -> Message:
    """Tell a rated slip that was sent before again, with another bet: the first facts stand."""
    other = replace(slip, average_bet=slip.average_bet * 2)
    expected = _refused(Refusal.LOYALTY_FACTS_CONFLICT)
    return write(rng, slip, attributes_of(slip, event_number=3), data_of(other), expected)
