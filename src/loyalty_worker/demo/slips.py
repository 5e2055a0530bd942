"""One player's play at a table: the facts that a pit boss closes a slip with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from loyalty_worker.demo.scene import Casino, Table, any_uuid
from loyalty_worker.domain.events import VisitKind
from loyalty_worker.domain.theo import LoyaltyPolicy, points

_CHIP: Final = Decimal("2.50")
_LATE_SHARE: Final = 0.05
_LATEST_DAYS: Final = 4


@dataclass(frozen=True, slots=True)
class Slip:
    """The facts of a closed slip; `duration_seconds` is play without the breaks."""

    casino: Casino
    table: Table
    slip_id: UUID
    visit_id: UUID
    visit_kind: VisitKind
    player_id: UUID | None
    closed_by: UUID
    average_bet: Decimal
    started_at: datetime
    closed_at: datetime
    duration_seconds: int

    @property
    def policy(self) -> LoyaltyPolicy:
        """The policy that was frozen on the slip."""
        game = self.table.game
        return LoyaltyPolicy(
            game.house_edge, Decimal(game.decisions_per_hour), self.casino.points_conversion_rate
        )

    @property
    def is_rated(self) -> bool:
        """Whether the slip earns points."""
        return self.visit_kind is VisitKind.GAMING_IDENTIFIED_RATED

    @property
    def points(self) -> int:
        """What the slip earns by the exact reference of the formula."""
        if not self.is_rated:
            return 0
        return points(self.average_bet, self.duration_seconds, self.policy)


def close_slip(rng: Random, casino: Casino, at: datetime) -> Slip:
    """Draw a slip that is closed about then; a few were closed days ago and come in late."""
    table = rng.choice(casino.tables)
    visit_kind, player_id, level = _visitor(rng, casino)
    if rng.random() < _LATE_SHARE:
        at -= timedelta(hours=rng.randint(20, 24 * _LATEST_DAYS))
    closed_at = at + timedelta(microseconds=rng.randrange(1_000_000))
    open_seconds = int(rng.triangular(300, 6 * 3600, 5400))
    chips = table.game.minimum_bet * level * rng.uniform(1, 4) / float(_CHIP)
    return Slip(
        casino=casino,
        table=table,
        slip_id=any_uuid(rng),
        visit_id=any_uuid(rng),
        visit_kind=visit_kind,
        player_id=player_id,
        closed_by=rng.choice(casino.pit_bosses),
        average_bet=_CHIP * round(chips),
        started_at=closed_at - timedelta(seconds=open_seconds),
        closed_at=closed_at,
        duration_seconds=open_seconds - rng.randint(0, open_seconds // 5),
    )


def _visitor(rng: Random, casino: Casino) -> tuple[VisitKind, UUID | None, int]:
    """Draw who plays: mostly regulars, some strangers, ghosts, and guests for a reward only."""
    kind = rng.choices(("regular", "stranger", "ghost", "reward"), (70, 18, 10, 2))[0]
    if kind == "ghost":
        return VisitKind.GAMING_GHOST_UNRATED, None, 1
    if kind == "stranger":
        return VisitKind.GAMING_IDENTIFIED_RATED, any_uuid(rng), 1
    regular = rng.choice(casino.regulars)
    if kind == "reward":
        return VisitKind.REWARD_IDENTIFIED, regular.player_id, 1
    return VisitKind.GAMING_IDENTIFIED_RATED, regular.player_id, regular.level
