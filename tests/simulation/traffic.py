"""Records of both topics for one run, and what must come of them."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from loyalty_worker.domain.events import (
    Decoded,
    DecodeReason,
    EventIdentity,
    PromotionAwarded,
    SlipClosed,
    Undecodable,
    VisitKind,
)
from loyalty_worker.domain.records import PartitionId, Record

SLIPS, PROMOTIONS = "slips", "promotions"
PARTITIONS = 2
STEADY, SWITCHED = UUID(int=1), UUID(int=2)  # the second casino is switched off and on
_OPENING = datetime(2026, 3, 14, 18, 0, tzinfo=UTC)

RecordId = tuple[str, int, int, bytes]


def record_id(record: Record) -> RecordId:
    """Return what tells a record for ever."""
    return record.topic, record.partition, record.offset, record.fingerprint()


@dataclass
class Traffic:
    """The events to come, in their order, and the expectation that grows with them.

    An order of events that decides who wins would decide the expectation too, so there is none:
    a slip is told with other facts only behind the true one in its own partition. Of what is
    `fragile`, some is `poison`: it fails for no known reason until somebody mends the cause.
    """

    rng: random.Random
    has_conflicts: bool = True
    has_poison: bool = False
    decoded: dict[bytes, Decoded] = field(default_factory=dict)
    rated: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    unrated: set[tuple[UUID, UUID]] = field(default_factory=set)
    awards: dict[tuple[UUID, UUID, str], int] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)
    fragile: set[bytes] = field(default_factory=set)
    poison: set[bytes] = field(default_factory=set)

    def decode(self, record: Record) -> Decoded:
        """Be the decoder of every record here."""
        return self.decoded[record.value or b""]

    def events(self, count: int) -> list[tuple[PartitionId, bytes]]:
        """Make so many events, each with the partition it goes to."""
        made: list[tuple[PartitionId, bytes]] = []
        slips = [self._slip(number) for number in range(1, max(2, count // 3) + 1)]
        told: list[tuple[int, SlipClosed]] = []
        for _ in range(count):
            kind = self.rng.random()
            partition = self.rng.randrange(PARTITIONS)
            if kind < 0.06:
                topic = self.rng.choice((SLIPS, PROMOTIONS))
                made.append(self._place(topic, partition, self._garbage()))
            elif kind < 0.12 and told:
                partition, slip = self.rng.choice(told)
                if slip.casino_id == STEADY and self.has_conflicts:
                    made.append(self._place(SLIPS, partition, self._conflict(slip)))
            elif kind < 0.55:
                slip = self.rng.choice(slips)
                if self.rng.random() < 0.3:
                    slip = replace(slip, identity=self._identity())
                if not self._is_fragile(slip):
                    told.append((partition, slip))
                self._expect_slip(slip)
                made.append(self._place(SLIPS, partition, slip))
            else:
                award = self._award(self.rng.choice(slips))
                self.awards[award.casino_id, award.rating_slip_id, award.campaign_id] = (
                    award.bonus_points or 0
                )
                made.append(self._place(PROMOTIONS, partition, award))
        return made

    def _place(self, topic: str, partition: int, event: Decoded) -> tuple[PartitionId, bytes]:
        value = str(len(self.decoded)).encode()
        self.decoded[value] = event
        if isinstance(event, Undecodable) or (
            isinstance(event, SlipClosed) and event.average_bet == 0
        ):
            self.refused.add(value)
        elif isinstance(event, SlipClosed | PromotionAwarded) and self._is_fragile(event):
            self.fragile.add(value)
            if self.rng.random() < 0.5:
                self.poison.add(value)
        return PartitionId(topic, partition), value

    def _is_fragile(self, event: SlipClosed | PromotionAwarded) -> bool:
        return self.has_poison and event.rating_slip_id.int % 2 == 1

    def _identity(self) -> EventIdentity:
        return EventIdentity("/simulated", f"{self.rng.getrandbits(64):x}")

    def _garbage(self) -> Undecodable:
        return Undecodable(DecodeReason.EVENT_UNDECODABLE, "no JSON")

    def _conflict(self, slip: SlipClosed) -> SlipClosed:
        return replace(slip, identity=self._identity(), average_bet=Decimal(0))

    def _slip(self, number: int) -> SlipClosed:
        rated = self.rng.random() < 0.75
        return SlipClosed(
            identity=self._identity(),
            event_time=None,
            casino_id=self.rng.choice((STEADY, SWITCHED)),
            rating_slip_id=UUID(int=number),
            visit_id=UUID(int=number),
            visit_kind=VisitKind.GAMING_IDENTIFIED_RATED
            if rated
            else VisitKind.GAMING_GHOST_UNRATED,
            player_id=UUID(int=self.rng.randrange(3)) if rated else None,
            table_id=None,
            game_type=None,
            average_bet=Decimal(self.rng.randrange(1, 100)),
            started_at=_OPENING,
            closed_at=_OPENING,
            duration_seconds=0,
            gaming_day=None,
            policy_snapshot=None,
        )

    def _award(self, slip: SlipClosed) -> PromotionAwarded:
        campaign = self.rng.choice(("spring", "summer"))
        bonus = slip.rating_slip_id.int * 10 + len(campaign)
        return PromotionAwarded(
            EventIdentity("/simulated", f"{slip.rating_slip_id.int}-{campaign}"),
            None,
            slip.casino_id,
            slip.rating_slip_id,
            campaign,
            None,
            bonus,
        )

    def _expect_slip(self, slip: SlipClosed) -> None:
        which = (slip.casino_id, slip.rating_slip_id)
        if slip.visit_kind is VisitKind.GAMING_IDENTIFIED_RATED:
            self.rated[which] = int(slip.average_bet)
        else:
            self.unrated.add(which)
