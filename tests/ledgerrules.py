"""What must come of a request, decided by the model alone; see `ledgermodel`.

Checks stand in the specification's order: context, casino, role, actor, key, arguments, existing
entry, state.
"""

from decimal import Decimal
from fractions import Fraction

from ledgermodel import (
    LIMIT,
    MAY,
    Accrue,
    Actor,
    Decision,
    Draft,
    Entry,
    Ledger,
    Move,
    Promote,
    Request,
    Reverse,
    SlipState,
    World,
    without_key,
)
from loyalty_worker.domain.refusals import Refusal


def decide(world: World, ledger: Ledger, actor: Actor, request: Request) -> Decision:
    """Return the entry that is posted, the one that exists, or the refusal."""
    refusal = _gate(actor, request)
    if refusal is not None:
        return refusal
    match request:
        case Accrue():
            decision = _accrue(world, ledger, request)
        case Promote():
            decision = _promote(world, ledger, request)
        case Move():
            decision = _move(world, ledger, actor, request)
        case Reverse():
            decision = _reverse(ledger, request)
    return _in_range(ledger, request, decision)


def decide_event(world: World, ledger: Ledger, request: Accrue, slip: SlipState) -> Decision:
    """Return what the worker's posting of a closed slip's event must do.

    A slip that earns nothing is `LOYALTY_UNRATED_VISIT`: skipped, or a duplicate once recorded.
    """
    return _in_range(ledger, request, _judge_closed(world, ledger, request, slip))


def _in_range(ledger: Ledger, request: Request, decision: Decision) -> Decision:
    if isinstance(decision, Draft):
        balance = ledger.balance(request.casino_id, decision.player_id) + decision.points_delta
        if abs(balance) > LIMIT:
            return Refusal.LOYALTY_POINTS_OUT_OF_RANGE
    return decision


def reason_of(request: Request) -> str:
    """Return the reason of the entry that a request asks for."""
    match request:
        case Accrue():
            return "base_accrual"
        case Promote():
            return "promotion"
        case Reverse():
            return "reversal"
        case Move():
            return request.reason


def _gate(actor: Actor, request: Request) -> Refusal | None:
    if request.casino_id != actor.casino_id:
        return Refusal.LOYALTY_CASINO_MISMATCH
    if actor.role not in MAY[reason_of(request)]:
        return Refusal.LOYALTY_FORBIDDEN
    if isinstance(request, Move | Reverse) and request.staff_id != actor.staff_id:
        return Refusal.LOYALTY_FORBIDDEN
    return Refusal.LOYALTY_IDEMPOTENCY_REQUIRED if request.key is None else None


def _holder(ledger: Ledger, request: Request) -> Entry | None:
    """Return the entry that was posted under the request's key."""
    return None if request.key is None else ledger.of_key.get((request.casino_id, request.key))


def _same(holder: Entry, request: Request) -> Decision:
    same = holder.request == without_key(request)
    return holder if same else Refusal.LOYALTY_IDEMPOTENCY_CONFLICT


def _accrue(world: World, ledger: Ledger, request: Accrue) -> Decision:
    slip = world.slips.get((request.casino_id, request.rating_slip_id))
    if slip is None or not slip.closed:
        if _holder(ledger, request) is not None:
            return Refusal.LOYALTY_IDEMPOTENCY_CONFLICT
        return Refusal.LOYALTY_SLIP_NOT_CLOSED if slip else Refusal.LOYALTY_SLIP_NOT_FOUND
    return _judge_closed(world, ledger, request, slip)


def _judge_closed(world: World, ledger: Ledger, request: Accrue, slip: SlipState) -> Decision:
    """Judge a closed slip; one that is recorded and earns nothing is settled, see the refusal."""
    slip_key = (request.casino_id, request.rating_slip_id)
    holder, existing = _holder(ledger, request), ledger.accruals.get(slip_key)
    if holder is not None and holder is not existing:
        return Refusal.LOYALTY_IDEMPOTENCY_CONFLICT
    if existing is not None:
        return existing
    unrated = slip.refusal is Refusal.LOYALTY_UNRATED_VISIT
    recorded = slip_key in world.slips and world.slips[slip_key].closed
    if not world.casinos[request.casino_id].accrual_enabled and not (unrated and recorded):
        return Refusal.LOYALTY_ACCRUAL_DISABLED
    if slip.refusal is not None or slip.player_id is None:
        return slip.refusal or Refusal.LOYALTY_UNRATED_VISIT
    return Draft(slip.player_id, "base_accrual", slip.points, rating_slip_id=request.rating_slip_id)


def _terms_usable(request: Promote) -> bool:
    if (request.multiplier is None) == (request.bonus is None) or not request.campaign_id.strip():
        return False
    return request.multiplier >= 1 if request.multiplier is not None else (request.bonus or 0) > 0


def _promote(world: World, ledger: Ledger, request: Promote) -> Decision:  # noqa: PLR0911 - one return a rule, in their order
    if not _terms_usable(request):
        return Refusal.LOYALTY_PROMOTION_INVALID
    slip_key = (request.casino_id, request.rating_slip_id)
    holder = _holder(ledger, request)
    existing = ledger.promotions.get((*slip_key, request.campaign_id))
    if holder is not None and holder is not existing:
        return Refusal.LOYALTY_IDEMPOTENCY_CONFLICT
    if existing is not None:
        return _same(existing, request)
    base = ledger.accruals.get(slip_key)
    if base is None:
        return _missing_base(world, request)
    if not world.casinos[request.casino_id].accrual_enabled:
        return Refusal.LOYALTY_ACCRUAL_DISABLED
    if (request.casino_id, base.id) in ledger.reversals:
        return Refusal.LOYALTY_BASE_REVERSED
    points = _promotion_points(base.points_delta, request.multiplier, request.bonus)
    if points > LIMIT:
        return Refusal.LOYALTY_POINTS_OUT_OF_RANGE
    return Draft(
        base.player_id,
        "promotion",
        points,
        rating_slip_id=request.rating_slip_id,
        campaign_id=request.campaign_id,
    )


def _missing_base(world: World, request: Promote) -> Refusal:
    slip = world.slips.get((request.casino_id, request.rating_slip_id))
    if slip is None:
        return Refusal.LOYALTY_SLIP_NOT_FOUND
    if not slip.closed:
        return Refusal.LOYALTY_SLIP_NOT_CLOSED
    if not world.casinos[request.casino_id].accrual_enabled:
        return Refusal.LOYALTY_ACCRUAL_DISABLED
    unrated = slip.refusal is Refusal.LOYALTY_UNRATED_VISIT
    return Refusal.LOYALTY_UNRATED_VISIT if unrated else Refusal.LOYALTY_BASE_NOT_ACCRUED


def _promotion_points(base: int, multiplier: Decimal | None, bonus: int | None) -> int:
    if multiplier is None:
        assert bonus is not None
        return bonus
    return int(base * Fraction(multiplier) + Fraction(1, 2)) - base


def _move(world: World, ledger: Ledger, actor: Actor, request: Move) -> Decision:  # noqa: PLR0911 - one return a rule, in their order
    adjusts = request.reason == "adjustment"
    if request.points == 0 or (request.points < 0 and not adjusts):
        return Refusal.LOYALTY_POINTS_INVALID
    if abs(request.points) > LIMIT:
        return Refusal.LOYALTY_POINTS_OUT_OF_RANGE
    if not request.note.strip():
        return Refusal.LOYALTY_NOTE_REQUIRED
    holder = _holder(ledger, request)
    if holder is not None:
        return _same(holder, request)
    if request.player_id not in world.players:
        return Refusal.LOYALTY_PLAYER_NOT_FOUND
    if request.reason != "redeem":
        return Draft(request.player_id, request.reason, request.points)
    return _redeem(world, ledger, actor, request)


def _redeem(world: World, ledger: Ledger, actor: Actor, request: Move) -> Decision:
    rules = world.casinos[request.casino_id]
    if rules.max_redeem is not None and request.points > rules.max_redeem:
        return Refusal.LOYALTY_REDEEM_EXCEEDS_CAP
    after = ledger.balance(request.casino_id, request.player_id) - request.points
    if after < 0:
        if not request.allow_overdraw:
            return Refusal.LOYALTY_INSUFFICIENT_BALANCE
        if actor.role not in MAY["approve_overdraw"]:
            return Refusal.LOYALTY_OVERDRAW_NOT_AUTHORIZED
        if rules.max_overdraw is not None and after < -rules.max_overdraw:
            return Refusal.LOYALTY_OVERDRAW_EXCEEDS_CAP
    return Draft(request.player_id, "redeem", -request.points, overdraw=after < 0)


def _reverse(ledger: Ledger, request: Reverse) -> Decision:
    if not request.note.strip():
        return Refusal.LOYALTY_NOTE_REQUIRED
    target = ledger.of_id.get((request.casino_id, request.ledger_id))
    holder = _holder(ledger, request)
    if holder is not None:
        return _same(holder, request)
    if target is None:
        return Refusal.LOYALTY_ENTRY_NOT_FOUND
    reversal = ledger.reversals.get((request.casino_id, target.id))
    if reversal is not None:
        same = reversal.request == without_key(request)
        return reversal if same else Refusal.LOYALTY_ALREADY_REVERSED
    if target.reason == "reversal":
        return Refusal.LOYALTY_NOT_REVERSIBLE
    return Draft(
        target.player_id,
        "reversal",
        -target.points_delta,
        rating_slip_id=target.rating_slip_id,
        campaign_id=target.campaign_id,
        reversed_id=target.id,
    )
