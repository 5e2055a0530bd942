"""What slips, promotions and waiting must do, told plainly: one event after the other.

It goes on where `sqloracle` ends, and shares no code with the worker and none with the SQL.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid5

from sqloracle import LIMIT, Oracle
from sqlpromotions import AWAITING, DISABLED, Promotion, accrued
from sqlslips import BY_KEY, BY_NATURAL_KEY, SKIPPED, Slip, Verdict, refused

CAUSES = {
    refused("ACCRUAL_DISABLED"): DISABLED,
    refused("BASE_NOT_ACCRUED"): AWAITING,
}


@dataclass
class Posted:
    """A promotion that has its entry."""

    terms: tuple[Decimal | None, int | None]
    key: UUID | None
    points: int


@dataclass
class Waiting:
    """An event that is parked, or was."""

    event: Slip | Promotion
    cause: str
    outcome: str | None = None


@dataclass
class Accrued:
    """A base accrual: whose, and how many points."""

    player: UUID
    points: int
    is_reversed: bool = False


@dataclass
class PromotionOracle(Oracle):
    """The ledger with promotions as it must be, and what waits, in the order of its coming."""

    base: dict[tuple[UUID, UUID], Accrued] = field(default_factory=dict)
    campaigns: dict[tuple[UUID, UUID, str], Posted] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    def post(self, slip: Slip) -> Verdict:
        """Post one slip."""
        verdict = super().post(slip)
        if verdict.verdict == "accrued" and slip.player_id is not None:
            self.base[slip.casino_id, slip.rating_slip_id] = Accrued(slip.player_id, verdict.points)
        return verdict

    def post_award(self, one: Promotion) -> Verdict:  # noqa: C901, PLR0911 - one return a rule
        """Post one promotion."""
        if one.casino_id not in self.enabled:
            return refused("CASINO_UNKNOWN")
        if one.key is None:
            return refused("IDEMPOTENCY_REQUIRED")
        if not (one.campaign or "").strip() or not _are_terms(one):
            return refused("PROMOTION_INVALID")
        assert one.campaign is not None
        name = (one.casino_id, one.rating_slip_id, one.campaign)
        entry = uuid5(one.rating_slip_id, one.campaign)
        posted = self.campaigns.get(name)
        if posted is not None and posted.terms != (one.multiplier, one.bonus):
            return refused("IDEMPOTENCY_CONFLICT")
        holder = self.keys.get((one.casino_id, one.key))
        if holder is not None and (posted is None or holder != entry):
            return refused("IDEMPOTENCY_CONFLICT")
        if posted is not None:
            return BY_KEY if posted.key == one.key else BY_NATURAL_KEY
        base = self.base.get((one.casino_id, one.rating_slip_id))
        if base is None and (one.casino_id, one.rating_slip_id) in self.slips:
            return SKIPPED
        if not self.enabled[one.casino_id]:
            return refused("ACCRUAL_DISABLED")
        if base is None:
            return refused("BASE_NOT_ACCRUED")
        if base.is_reversed:
            return refused("BASE_REVERSED")
        points = _points(base.points, one)
        player = (one.casino_id, base.player)
        if points > LIMIT or self.balance(player) + points > LIMIT:
            return refused("POINTS_OUT_OF_RANGE")
        self.keys[one.casino_id, one.key] = entry
        self.campaigns[name] = Posted((one.multiplier, one.bonus), one.key, points)
        self.entries[player].append((one.rating_slip_id, points))
        return accrued(points)

    def reverse(self, casino: UUID, slip: UUID) -> None:
        """Take back a slip's accrual."""
        base = self.base[casino, slip]
        base.is_reversed = True
        self.entries[casino, base.player].append((slip, -base.points))

    def park(self, event: Slip | Promotion, verdict: Verdict) -> None:
        """Keep an event that waits; any other verdict keeps nothing."""
        if verdict in CAUSES:
            self.waiting.append(Waiting(event, CAUSES[verdict]))

    def release(self, opened: set[tuple[UUID, UUID]]) -> list[Verdict]:
        """Settle the promotions that wait for these slips."""
        settled = []
        for row in self.waiting:
            event = row.event
            slip = (event.casino_id, event.rating_slip_id)
            if row.outcome is None and isinstance(event, Promotion) and slip in opened:
                verdict = self.post_award(event)
                if verdict not in CAUSES:
                    self.settle(row, verdict)
                    settled.append(verdict)
        return settled

    def settle(self, row: Waiting, verdict: Verdict) -> None:
        """Write down what became of an event that waited; one that was settled stays so."""
        if row.outcome is None:
            if verdict in CAUSES:
                row.cause = CAUSES[verdict]
            else:
                row.outcome = outcome_of(verdict)

    def releasable(self, kind: type[Slip | Promotion]) -> list[int]:
        """Return the places of waiting events whose cause is gone."""
        return [
            place
            for place, row in enumerate(self.waiting)
            if row.outcome is None
            and isinstance(row.event, kind)
            and self.enabled[row.event.casino_id]
            and (
                row.cause == DISABLED
                or (row.event.casino_id, row.event.rating_slip_id) in self.slips
            )
        ]


def outcome_of(verdict: Verdict) -> str:
    """Return what a record becomes."""
    if verdict in CAUSES:
        return "parked"
    return "dead_lettered" if verdict.verdict == "refused" else verdict.verdict


def _are_terms(one: Promotion) -> bool:
    if one.multiplier is not None:
        return one.bonus is None and one.multiplier >= 1
    return one.bonus is not None and one.bonus > 0


def _points(base: int, one: Promotion) -> int:
    if one.multiplier is None:
        return one.bonus or 0
    return int(base * Fraction(one.multiplier) + Fraction(1, 2)) - base
