"""A campaign's awards for the slips of an evening, and what each must come to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Final

from loyalty_worker.consumers.strict_json import Json
from loyalty_worker.demo.messages import Message, Topic, write
from loyalty_worker.demo.slips import Slip
from loyalty_worker.demo.tally import Expected
from loyalty_worker.domain.events import DecodeReason
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.refusals import Refusal

EVENT_TYPE: Final = "casino.promotion.awarded.v1"
_MULTIPLIERS: Final = (("double-points", "2"), ("happy-hour", "1.5"), ("birthday", "1.25"))
_BONUSES: Final = (("welcome-back", 250), ("late-night", 50))
_BROKEN: Final[tuple[tuple[Mapping[str, Json], str], ...]] = (
    ({"promo_multiplier": "2", "bonus_points": 100}, Refusal.LOYALTY_PROMOTION_INVALID.name),
    ({"promo_multiplier": Decimal("0.5")}, Refusal.LOYALTY_PROMOTION_INVALID.name),
    ({"bonus_points": "a lot"}, DecodeReason.EVENT_SCHEMA_INVALID.name),
)


@dataclass(frozen=True, slots=True)
class Award:
    """What a campaign gives on top of a slip's base points: a multiplier, or else a bonus.

    `early` is whether it is published before its slip is.
    """

    slip: Slip
    campaign: str
    multiplier: Decimal | None
    bonus: int
    early: bool

    @property
    def points(self) -> int:
        """The points by exact arithmetic, half away from zero."""
        base = self.slip.points
        if self.multiplier is None:
            return self.bonus
        return int((base * self.multiplier).quantize(Decimal(1), ROUND_HALF_UP)) - base

    @property
    def terms(self) -> Mapping[str, Json]:
        """The member of the event's data that gives it."""
        if self.multiplier is None:
            return {"bonus_points": self.bonus}
        return {"promo_multiplier": self.multiplier}


def award(rng: Random, slip: Slip, *, early: bool) -> Award:
    """Draw a campaign for the slip; a slip is in one at most."""
    if rng.random() < 1 / 2:
        campaign, multiplier = rng.choice(_MULTIPLIERS)
        return Award(slip, campaign, Decimal(multiplier), 0, early)
    campaign, bonus = rng.choice(_BONUSES)
    return Award(slip, campaign, None, bonus, early)


def tell_award(rng: Random, given: Award) -> Message:
    """Tell of the award for the first time."""
    slip = given.slip
    expected = Expected(Outcome.SKIPPED, early=given.early)
    if slip.is_rated and slip.player_id is not None:
        account = (slip.casino.casino_id, slip.player_id)
        expected = Expected(Outcome.ACCRUED, None, account, given.points, early=given.early)
    return _write(rng, given, 1, given.terms, expected)


def tell_award_again(rng: Random, given: Award) -> Message:
    """The same event once more, or the same terms under another event id."""
    outcome = Outcome.DUPLICATE if given.slip.is_rated else Outcome.SKIPPED
    return _write(rng, given, rng.choice((1, 1, 2)), given.terms, Expected(outcome))


def break_award(rng: Random, given: Award) -> Message:
    """Tell of an award of another campaign with terms that can never be posted."""
    terms, reason = rng.choice(_BROKEN)
    other = replace(given, campaign="broken")
    return _write(rng, other, 1, terms, Expected(Outcome.DEAD_LETTERED, reason))


def _write(
    rng: Random, given: Award, number: int, terms: Mapping[str, Json], expected: Expected
) -> Message:
    slip = given.slip
    attributes: dict[str, Json] = {
        "specversion": "1.0",
        "id": f"{slip.slip_id}/{given.campaign}/{number}",
        "source": slip.casino.campaign_source,
        "type": EVENT_TYPE,
        "time": (slip.closed_at + timedelta(seconds=number)).isoformat(),
    }
    data: dict[str, Json] = {
        "casino_id": str(slip.casino.casino_id),
        "rating_slip_id": str(slip.slip_id),
        "campaign_id": given.campaign,
        **terms,
    }
    return replace(write(rng, slip, attributes, data, expected), topic=Topic.PROMOTION)
