"""What posting must do, told plainly: one slip after the other, in dictionaries and fractions.

It shares no code with the worker and none with the SQL.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from sqlslips import BY_KEY, BY_NATURAL_KEY, RATED, SKIPPED, Slip, Verdict, refused

LIMIT = 10**12
_NUMBERS = ("house_edge", "decisions_per_hour", "points_conversion_rate")


@dataclass
class Recorded:
    """A slip that was accrued (then with the key of its entry) or skipped."""

    facts: tuple[object, ...]
    key: UUID | None


@dataclass
class Oracle:
    """The ledger as it must be; `enabled` holds the provisioned casinos."""

    enabled: dict[UUID, bool]
    slips: dict[tuple[UUID, UUID], Recorded] = field(default_factory=dict)
    keys: dict[tuple[UUID, UUID], UUID] = field(default_factory=dict)
    entries: dict[tuple[UUID, UUID], list[tuple[UUID, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def balance(self, player: tuple[UUID, UUID]) -> int:
        """Return what the entries of a player at a casino add up to."""
        return sum(points for _, points in self.entries[player])

    def post(self, slip: Slip) -> Verdict:  # noqa: PLR0911 - one return a rule, in their order
        """Post one slip."""
        if slip.casino_id not in self.enabled:
            return refused("CASINO_UNKNOWN")
        if slip.key is None:
            return refused("IDEMPOTENCY_REQUIRED")
        recorded = self.slips.get((slip.casino_id, slip.rating_slip_id))
        if recorded is not None and recorded.facts != _facts(slip):
            return refused("FACTS_CONFLICT")
        holder = self.keys.get((slip.casino_id, slip.key))
        if holder is not None and holder != slip.rating_slip_id:
            return refused("IDEMPOTENCY_CONFLICT")
        if recorded is not None:
            return BY_KEY if recorded.key == slip.key else BY_NATURAL_KEY
        if not self.enabled[slip.casino_id]:
            return refused("ACCRUAL_DISABLED")
        return self._judge(slip)

    def _judge(self, slip: Slip) -> Verdict:
        earns = slip.visit_kind == RATED and slip.player_id is not None
        problem = (_snapshot_problem(slip) if earns else None) or _facts_problem(slip)
        if problem is not None:
            return refused(problem)
        if not earns or slip.player_id is None:
            self.slips[slip.casino_id, slip.rating_slip_id] = Recorded(_facts(slip), None)
            return SKIPPED
        points = exact_points(slip)
        player = (slip.casino_id, slip.player_id)
        if points > LIMIT or self.balance(player) + points > LIMIT:
            return refused("POINTS_OUT_OF_RANGE")
        self.slips[slip.casino_id, slip.rating_slip_id] = Recorded(_facts(slip), slip.key)
        if slip.key is not None:
            self.keys[slip.casino_id, slip.key] = slip.rating_slip_id
        self.entries[player].append((slip.rating_slip_id, points))
        return Verdict("accrued", points=points)


def _policy(slip: Slip) -> dict[str, object]:
    snapshot = json.loads(slip.policy_snapshot or "null", parse_float=Decimal, parse_int=Decimal)
    return dict((snapshot or {}).get("loyalty") or {})


def _facts(slip: Slip) -> tuple[object, ...]:
    policy = _policy(slip)
    return (
        slip.visit_id,
        slip.player_id,
        slip.visit_kind,
        slip.average_bet,
        slip.duration_seconds,
        slip.closed_at,
        *(_number(policy.get(name)) for name in _NUMBERS),
        policy.get("policy_version"),
    )


def _number(value: object) -> object:
    return Decimal(value) if isinstance(value, str) and value[:1].isdigit() else value


def _snapshot_problem(slip: Slip) -> str | None:
    policy = _policy(slip)
    if any(policy.get(name) is None for name in (*_NUMBERS, "policy_version")):
        return "SNAPSHOT_MISSING"
    for name in _NUMBERS:
        value = _number(policy[name])
        if not isinstance(value, Decimal) or value < 0:
            return "SNAPSHOT_INVALID"
    return None if policy["policy_version"] == "loyalty_points_v1" else "POLICY_UNKNOWN"


def _facts_problem(slip: Slip) -> str | None:
    played = (slip.closed_at - slip.started_at).total_seconds()
    sound = slip.average_bet >= 0 and 0 <= slip.duration_seconds <= played
    return None if sound else "FACTS_INVALID"


def exact_points(slip: Slip) -> int:
    """Return the points of a slip that earns: the formula in fractions, half away from zero."""
    policy = _policy(slip)
    exact = Fraction(slip.average_bet) * Fraction(slip.duration_seconds, 360_000)
    for name in _NUMBERS:
        number = _number(policy[name])
        assert isinstance(number, Decimal)
        exact *= Fraction(number)
    return int(exact + Fraction(1, 2))
