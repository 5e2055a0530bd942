from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from loyalty_worker.consumers.decoder import PromotionDecoder, SlipDecoder
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Message, Topic
from loyalty_worker.demo.scene import open_casinos
from loyalty_worker.demo.tally import Tally
from loyalty_worker.domain.events import (
    Decoded,
    DecodeReason,
    PromotionAwarded,
    SlipClosed,
    Undecodable,
)
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import Record

PLAN = EveningPlan(casinos=3, slips=1500, seed=7, day=date(2026, 3, 14), duplicates=0.2, broken=0.2)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return list(evening(PLAN))


@pytest.fixture(scope="module")
def decoded(messages: list[Message]) -> list[Decoded]:
    decode = SlipDecoder()
    return [
        decode(Record("slips", 0, offset, 0, message.key, message.value, message.headers))
        for offset, message in enumerate(messages)
    ]


def test_the_same_plan_gives_the_same_messages(messages: list[Message]) -> None:
    assert list(evening(PLAN)) == messages


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, seed=8),
        replace(PLAN, casinos=2),
        replace(PLAN, slips=1499),
        replace(PLAN, day=date(2026, 3, 15)),
        replace(PLAN, broken=0.1),
        replace(PLAN, promotions=0.1),
    ],
)
def test_plans_that_differ_share_no_message(messages: list[Message], other: EveningPlan) -> None:
    values = {message.value for message in messages if message.value is not None}
    assert values.isdisjoint(message.value for message in evening(other))


def test_messages_decode_unless_they_are_broken_for_a_stated_reason(
    messages: list[Message], decoded: list[Decoded]
) -> None:
    reasons = [got.reason if isinstance(got, Undecodable) else None for got in decoded]
    expected = [
        message.expected.reason if message.expected.reason in set(DecodeReason) else None
        for message in messages
    ]
    assert reasons == expected


def test_an_evening_holds_every_kind_of_message(messages: list[Message]) -> None:
    tally = Tally()
    for message in messages:
        tally.add(message.expected)
    assert set(tally.outcomes) == set(Outcome) - {Outcome.PARKED}
    assert set(tally.reasons) == set(DecodeReason) | {
        "LOYALTY_FACTS_INVALID",
        "LOYALTY_FACTS_CONFLICT",
        "LOYALTY_SNAPSHOT_MISSING",
        "LOYALTY_CASINO_UNKNOWN",
    }
    assert tally.published == len(messages)
    assert tally.outcomes[Outcome.ACCRUED] + tally.outcomes[Outcome.SKIPPED] == PLAN.slips
    assert sum(tally.balances.values()) == tally.points > 0


def test_a_slip_is_told_anew_before_it_is_told_again_and_under_the_same_key(
    messages: list[Message], decoded: list[Decoded]
) -> None:
    keys: dict[UUID, bytes] = {}
    repeats = Counter[str]()
    for message, slip in zip(messages, decoded, strict=True):
        if not isinstance(slip, SlipClosed):
            continue
        outcome, reason = message.expected.outcome, message.expected.reason
        if outcome is Outcome.DUPLICATE or reason == "LOYALTY_FACTS_CONFLICT":
            assert keys[slip.rating_slip_id] == message.key
            repeats[outcome] += 1
        else:
            assert slip.rating_slip_id not in keys
            keys[slip.rating_slip_id] = message.key
    assert repeats[Outcome.DUPLICATE] > 100
    assert repeats[Outcome.DEAD_LETTERED] > 10


def test_only_identified_and_rated_play_is_expected_to_earn(
    messages: list[Message], decoded: list[Decoded]
) -> None:
    for message, slip in zip(messages, decoded, strict=True):
        if message.expected.outcome is Outcome.ACCRUED:
            assert isinstance(slip, SlipClosed)
            assert message.expected.account == (slip.casino_id, slip.player_id)
            assert slip.visit_kind == "gaming_identified_rated"
        else:
            assert message.expected.points == 0


def test_some_slips_come_days_late(decoded: list[Decoded]) -> None:
    opening = datetime(2026, 3, 14, 16, tzinfo=UTC)
    slips = [slip for slip in decoded if isinstance(slip, SlipClosed)]
    late = [slip for slip in slips if slip.closed_at < opening - timedelta(hours=8)]
    assert 0 < len(late) < len(slips) / 5


def test_the_casinos_are_the_same_on_every_evening_and_all_different() -> None:
    assert open_casinos(20)[:3] == open_casinos(3)
    assert len({casino.casino_id for casino in open_casinos(20)}) == 20
    assert len({casino.name for casino in open_casinos(20)}) == 20


AWARDS = replace(PLAN, promotions=0.5)


@pytest.fixture(scope="module")
def awards() -> list[tuple[Message, Decoded]]:
    """Slips and awards in the order of publishing."""
    decoders = {Topic.RATING_SLIP_CLOSED: SlipDecoder(), Topic.PROMOTION: PromotionDecoder()}
    return [
        (
            message,
            decoders[message.topic](Record("", 0, 0, 0, None, message.value, message.headers)),
        )
        for message in evening(AWARDS)
    ]


def test_some_awards_come_before_their_slip_and_are_counted(
    awards: list[tuple[Message, Decoded]],
) -> None:
    tally = Tally()
    slips: set[UUID] = set()
    before: set[UUID] = set()
    for message, event in awards:
        if isinstance(event, SlipClosed):
            slips.add(event.rating_slip_id)
        elif message.topic is Topic.PROMOTION:
            tally.add(message.expected)
            if isinstance(event, PromotionAwarded) and message.expected.early:
                assert event.rating_slip_id not in slips
                before.add(event.rating_slip_id)
            elif isinstance(event, PromotionAwarded) and event.rating_slip_id not in before:
                assert event.rating_slip_id in slips
    assert before < slips
    assert tally.early == len(before) > 100


def test_awards_of_every_kind_are_given_and_the_broken_ones_have_stated_reasons(
    awards: list[tuple[Message, Decoded]],
) -> None:
    tally = Tally()
    for message, event in awards:
        if message.topic is Topic.PROMOTION:
            tally.add(message.expected)
            is_schema = message.expected.reason == DecodeReason.EVENT_SCHEMA_INVALID
            assert isinstance(event, Undecodable if is_schema else PromotionAwarded)
    assert set(tally.outcomes) == set(Outcome) - {Outcome.PARKED}
    assert set(tally.reasons) == {"EVENT_SCHEMA_INVALID", "LOYALTY_PROMOTION_INVALID"}


def test_an_award_is_worth_what_its_terms_make_of_the_slips_points(
    awards: list[tuple[Message, Decoded]],
) -> None:
    points = {
        event.rating_slip_id: message.expected.points
        for message, event in awards
        if isinstance(event, SlipClosed) and message.expected.outcome is Outcome.ACCRUED
    }
    worths = Counter[bool]()
    for message, award in awards:
        if isinstance(award, PromotionAwarded) and message.expected.outcome is Outcome.ACCRUED:
            if award.promo_multiplier is None:
                assert message.expected.points == award.bonus_points
            else:
                quarters = int(award.promo_multiplier * 4)
                base = points[award.rating_slip_id]
                assert message.expected.points == (base * quarters + 2) // 4 - base
            worths[award.promo_multiplier is None] += 1
    assert min(worths[True], worths[False]) > 100
