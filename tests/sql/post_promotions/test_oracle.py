"""Slips, promotions and what waits must do in batches what they do one after the other."""

import random
import uuid
from collections.abc import Sequence
from decimal import Decimal

from loyalty_worker.embedded.logins import DatabaseUrls
from sqloracle import LIMIT
from sqlpromotionoracle import CAUSES, PromotionOracle, outcome_of
from sqlpromotions import (
    AWAITING,
    Promotion,
    award,
    award_rows,
    close,
    park,
    parked,
    releasable,
    release,
    verdicts,
)
from sqlslips import GHOST, Slip, Verdict, new_slip, post_rows, scope, snapshot
from sqlstaff import Desk, change_settings, desk_at, whole

_OPENS = ("accrued", "skipped")
_TERMS: list[dict[str, object]] = [
    {"bonus": 50},
    {"bonus": 51},
    {"multiplier": Decimal("1.5"), "bonus": None},
    {"multiplier": Decimal("2.25"), "bonus": None},
    {"multiplier": Decimal(1), "bonus": None},
    {"multiplier": Decimal("0.5"), "bonus": None},
    {"bonus": LIMIT},
    {"campaign": " "},
    {"key": None},
]
_KINDS: dict[str, type[Slip | Promotion]] = {
    "rating_slip_closed": Slip,
    "promotion": Promotion,
}
_BASE = (
    "SELECT id FROM loyalty_ledger"
    " WHERE casino_id = $1 AND rating_slip_id = $2 AND reason = 'base_accrual'"
)
_OFFSETS = iter(range(10**6, 2 * 10**6))  # no other test's: records must differ


_EVERYTHING: set[tuple[str, str | None]] = {
    ("accrued", None),
    ("skipped", None),
    ("duplicate", "key"),
    ("duplicate", "natural_key"),
    *(
        ("refused", f"LOYALTY_{name}")
        for name in (
            "CASINO_UNKNOWN",
            "IDEMPOTENCY_REQUIRED",
            "PROMOTION_INVALID",
            "IDEMPOTENCY_CONFLICT",
            "FACTS_CONFLICT",
            "ACCRUAL_DISABLED",
            "BASE_NOT_ACCRUED",
            "BASE_REVERSED",
            "POINTS_OUT_OF_RANGE",
        )
    ),
    *(("released", outcome) for outcome in ("accrued", "duplicate", "skipped", "dead_lettered")),
    *(("swept", outcome) for outcome in ("accrued", "duplicate", "skipped", "dead_lettered")),
    ("swept", "parked"),
}


class History:
    """Events of two casinos and a stranger's, so few that they meet often."""

    def __init__(self, seed: int, desks: Sequence[Desk]) -> None:
        self.rng = random.Random(seed)
        self.desks = desks
        self.oracle = PromotionOracle({desk.casino: True for desk in desks})
        self.rows: list[int] = []  # ids of parked rows, by their places with the oracle
        self.seen: set[tuple[str, str | None]] = set()
        players = [self._id() for _ in range(3)]
        casinos = [desk.casino for desk in desks] * 3 + [self._id()]
        self.slips = [
            new_slip(self.rng.choice(casinos), player_id=self.rng.choice(players)) for _ in range(9)
        ]
        self.slips[:2] = [slip.but(visit_kind=GHOST, player_id=None) for slip in self.slips[:2]]
        self.awards = [
            award(slip, campaign=campaign, **self.rng.choice(_TERMS[:4]))
            for slip in self.slips
            for campaign in ("spring", "summer")
        ]

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def slip(self) -> Slip:
        slip = self.rng.choice(self.slips)
        if self.rng.random() < 0.1:
            return slip.but(key=self._id())
        if self.rng.random() < 0.1:
            return slip.but(average_bet=Decimal(70))
        if self.rng.random() < 0.05:
            return slip.but(policy_snapshot=snapshot(house_edge=None))
        return slip

    def award(self) -> Promotion:
        one = self.rng.choice(self.awards).but(offset=next(_OFFSETS))
        if self.rng.random() < 0.2:
            one = one.but(key=self.rng.choice([self._id(), self.rng.choice(self.slips).key]))
        if self.rng.random() < 0.2:
            one = one.but(multiplier=None).but(**self.rng.choice(_TERMS))
        return one

    async def batch(self) -> None:
        """Post slips and then promotions in one transaction, as the worker does, and park."""
        size = self.rng.choice([1, 3, 9])
        slips = [self.slip() for _ in range(self.rng.randint(0, size))]
        awards = [self.award() for _ in range(self.rng.randint(0, size))]
        worker = self.desks[0].service
        named = {one.casino_id for one in slips} | {one.casino_id for one in awards}
        async with scope(worker, named):
            told = await self._post(slips)
            self._saw(told)
            await self._park(slips, told)
            told = verdicts(await award_rows(worker, awards))
            assert told == [self.oracle.post_award(one) for one in awards]
            self._saw(told)
            await self._park(awards, told)

    async def _post(self, slips: Sequence[Slip]) -> list[Verdict]:
        """Post slips, and settle what waited for them."""
        worker = self.desks[0].service
        told = verdicts(await post_rows(worker, slips))
        assert told == [self.oracle.post(slip) for slip in slips]
        opened = [s for s, v in zip(slips, told, strict=True) if v.verdict in _OPENS]
        settled = await release(worker, *opened)
        expected = self.oracle.release({(s.casino_id, s.rating_slip_id) for s in opened})
        assert settled == [(outcome_of(v), v.duplicate_by, v.refusal, v.points) for v in expected]
        self.seen |= {("released", outcome_of(v)) for v in expected}
        return told

    async def _park(
        self, events: Sequence[Slip] | Sequence[Promotion], told: Sequence[Verdict]
    ) -> None:
        waiting: list[Slip | Promotion] = [*events]
        for event, verdict in zip(waiting, told, strict=True):
            self.oracle.park(event, verdict)
            if verdict in CAUSES:
                self.rows += await park(
                    self.desks[0].service, event, cause=CAUSES[verdict], offset=next(_OFFSETS)
                )

    def _saw(self, told: Sequence[Verdict]) -> None:
        self.seen |= {(one.verdict, one.refusal or one.duplicate_by) for one in told}

    async def switch(self) -> None:
        """Switch the second casino off or on."""
        casino = self.desks[1].casino
        self.oracle.enabled[casino] = not self.oracle.enabled[casino]
        await change_settings(self.desks[1], accrual_enabled=self.oracle.enabled[casino])

    async def reverse(self) -> None:
        """Reverse an accrual of the first casino, if there is one that is not reversed."""
        desk = self.desks[0]
        for (casino, slip), base in self.oracle.base.items():
            if casino == desk.casino and not base.is_reversed:
                entry = await desk.superuser.fetchval(_BASE, casino, slip)
                await desk.reverse("admin", entry)
                self.oracle.reverse(casino, slip)
                return

    async def sweep(self) -> None:
        """Find what waits without a cause and settle it, slips first, in small chunks."""
        worker = self.desks[0].service
        casinos = list(self.oracle.enabled)
        for kind, of_kind in _KINDS.items():
            expected = [self.rows[place] for place in self.oracle.releasable(of_kind)]
            found: list[int] = []
            after: int | None = 0
            while after is not None:
                some, after = await releasable(worker, *casinos, kind=kind, after=after, limit=3)
                found += some
            assert found == expected
            for start in range(0, len(found), 4):
                chunk = found[start : start + 4]
                rows = [self.oracle.waiting[self.rows.index(row)] for row in chunk]
                slips = [row.event for row in rows if isinstance(row.event, Slip)]
                awards = [row.event for row in rows if isinstance(row.event, Promotion)]
                async with scope(worker, casinos):
                    told = await self._post(slips) if slips else []
                    more = verdicts(await award_rows(worker, awards))
                    assert more == [self.oracle.post_award(one) for one in awards]
                    told += more
                    for row, verdict in zip(rows, told, strict=True):
                        self.oracle.settle(row, verdict)
                    self.seen |= {("swept", outcome_of(v)) for v in told}
                    await close(
                        worker,
                        *(
                            (row, outcome_of(verdict), CAUSES.get(verdict, verdict.refusal))
                            for row, verdict in zip(chunk, told, strict=True)
                        ),
                    )

    async def check(self) -> None:
        """Compare everything that was written with the oracle."""
        superuser = self.desks[0].superuser
        casinos = list(self.oracle.enabled)
        entries = await superuser.fetch(
            "SELECT casino_id, player_id, entry_no, points_delta, balance_after"
            " FROM loyalty_ledger WHERE casino_id = ANY ($1) ORDER BY 1, 2, 3",
            casinos,
        )
        expected = []
        for (casino, player), posted in sorted(self.oracle.entries.items()):
            balance = 0
            for number, (_, points) in enumerate(posted, start=1):
                balance += points
                expected.append((casino, player, number, points, balance))
        assert [tuple(entry) for entry in entries] == expected
        campaigns = await superuser.fetch(
            "SELECT casino_id, rating_slip_id, campaign_id, points_delta FROM loyalty_ledger"
            " WHERE casino_id = ANY ($1) AND reason = 'promotion'",
            casinos,
        )
        assert {tuple(row) for row in campaigns} == {
            (*name, posted.points) for name, posted in self.oracle.campaigns.items()
        }
        assert len(campaigns) == len(self.oracle.campaigns)
        for place, row in enumerate(self.oracle.waiting):
            kept = await parked(superuser, self.rows[place])
            assert (kept["cause"], kept["outcome"]) == (row.cause, row.outcome)
        assert await superuser.fetchval(
            "SELECT count(*) FROM dead_letter AS d JOIN parked_event AS p USING (record_hash)"
            " WHERE p.id = ANY ($1)",
            self.rows,
        ) == sum(row.outcome == "dead_lettered" for row in self.oracle.waiting)


async def test_any_history_in_batches_gives_what_one_by_one_gives(
    shared_database: DatabaseUrls,
) -> None:
    seen: set[tuple[str, str | None]] = set()
    for seed in range(16):
        async with desk_at(shared_database) as first, desk_at(shared_database) as second:
            history = History(seed, (first, second))
            await _live(history)
            await history.check()
            assert await whole(first)
            assert await whole(second)
        seen |= history.seen
    assert seen >= _EVERYTHING, _EVERYTHING - seen


async def _live(history: History) -> None:
    """Let things happen, and end with a casino that is on and nothing that waits needlessly."""
    steps = (history.batch, history.switch, history.reverse, history.sweep)
    for _ in range(25):
        (step,) = history.rng.choices(steps, (14, 2, 1, 3))
        await step()
    if not history.oracle.enabled[history.desks[1].casino]:
        await history.switch()
    await history.sweep()
    for row in history.oracle.waiting:
        if row.outcome is None:
            assert row.cause == AWAITING
            assert (row.event.casino_id, row.event.rating_slip_id) not in history.oracle.slips
