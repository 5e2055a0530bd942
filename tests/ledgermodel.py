"""The whole ledger told plainly: who may do what, and what comes of it, in lists and dictionaries.

It shares no code with the worker but the names of refusals, and none with the SQL. `decide` is a
function of the world and of the entries so far (`ledgerrules`), so that a history can be judged at
any point of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from loyalty_worker.domain.refusals import Refusal

LIMIT = 10**12
SERVICE = "service"
OPERATOR = "operator"
MAY = {
    "base_accrual": {SERVICE, "pit_boss", "admin"},
    "promotion": {SERVICE, "pit_boss", "admin"},
    "redeem": {"pit_boss", "cashier", "admin"},
    "approve_overdraw": {"pit_boss", "admin"},
    "manual_reward": {"pit_boss", "admin"},
    "adjustment": {"admin"},
    "reversal": {"admin"},
    "reconcile": {"admin", OPERATOR},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a context: a role and the casino it is for; `staff_id` of people alone."""

    role: str
    casino_id: UUID
    staff_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SlipState:
    """A slip as recorded: what it earns, or why it does not."""

    player_id: UUID | None
    closed: bool = True
    points: int = 0
    refusal: Refusal | None = None


@dataclass(slots=True)
class CasinoRules:
    """A casino's settings; None is no cap."""

    max_overdraw: int | None = 5000
    max_redeem: int | None = 20000
    accrual_enabled: bool = True


@dataclass(slots=True)
class World:
    """What is provisioned and recorded; slips are those that stand in the database."""

    casinos: dict[UUID, CasinoRules]
    slips: dict[tuple[UUID, UUID], SlipState]
    players: set[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrue:
    """`rpc_accrue_on_close`."""

    casino_id: UUID
    rating_slip_id: UUID
    key: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """`rpc_apply_promotion`."""

    casino_id: UUID
    rating_slip_id: UUID
    campaign_id: str
    multiplier: Decimal | None
    bonus: int | None
    key: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """`rpc_redeem`, `rpc_manual_credit` or `rpc_adjust_points`, by the entry's reason."""

    reason: str
    casino_id: UUID
    player_id: UUID
    points: int
    staff_id: UUID
    note: str
    key: UUID | None
    allow_overdraw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """`rpc_reverse_ledger_entry`."""

    casino_id: UUID
    ledger_id: UUID
    staff_id: UUID
    note: str
    key: UUID | None


Request: TypeAlias = Accrue | Promote | Move | Reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry; `request` is what it answered, without its key."""

    id: UUID
    casino_id: UUID
    player_id: UUID
    entry_no: int
    reason: str
    points_delta: int
    balance_after: int
    key: UUID
    request: Request
    rating_slip_id: UUID | None = None
    campaign_id: str | None = None
    reversed_id: UUID | None = None
    overdraw: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be posted; the ledger numbers it."""

    player_id: UUID
    reason: str
    points_delta: int
    rating_slip_id: UUID | None = None
    campaign_id: str | None = None
    reversed_id: UUID | None = None
    overdraw: bool = False


Decision: TypeAlias = Draft | Entry | Refusal


def without_key(request: Request) -> Request:
    """Return what makes two requests the same."""
    return replace(request, key=None)


@dataclass(slots=True)
class Ledger:
    """The entries so far, and how to find them."""

    of_key: dict[tuple[UUID, UUID], Entry] = field(default_factory=dict)
    of_id: dict[tuple[UUID, UUID], Entry] = field(default_factory=dict)
    of_player: dict[tuple[UUID, UUID], list[Entry]] = field(default_factory=dict)
    accruals: dict[tuple[UUID, UUID], Entry] = field(default_factory=dict)
    promotions: dict[tuple[UUID, UUID, str | None], Entry] = field(default_factory=dict)
    reversals: dict[tuple[UUID, UUID], Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Ledger":
        """Return the ledger of these entries, in an order in which each player's ascend."""
        ledger = cls()
        for entry in entries:
            ledger.add(entry)
        return ledger

    def entries(self, casino_id: UUID, player_id: UUID) -> list[Entry]:
        """Return a player's entries, oldest first."""
        return self.of_player.get((casino_id, player_id), [])

    def balance(self, casino_id: UUID, player_id: UUID) -> int:
        """Return the sum of a player's entries."""
        return sum(entry.points_delta for entry in self.entries(casino_id, player_id))

    def post(self, casino_id: UUID, draft: Draft, entry_id: UUID, request: Request) -> Entry:
        """Add a draft as the player's next entry."""
        assert request.key is not None
        entry = Entry(
            id=entry_id,
            casino_id=casino_id,
            player_id=draft.player_id,
            entry_no=len(self.entries(casino_id, draft.player_id)) + 1,
            reason=draft.reason,
            points_delta=draft.points_delta,
            balance_after=self.balance(casino_id, draft.player_id) + draft.points_delta,
            key=request.key,
            request=without_key(request),
            rating_slip_id=draft.rating_slip_id,
            campaign_id=draft.campaign_id,
            reversed_id=draft.reversed_id,
            overdraw=draft.overdraw,
        )
        self.add(entry)
        return entry

    def add(self, entry: Entry) -> None:
        """Add an entry as it is."""
        casino = entry.casino_id
        self.of_key[casino, entry.key] = entry
        self.of_id[casino, entry.id] = entry
        self.of_player.setdefault((casino, entry.player_id), []).append(entry)
        if entry.rating_slip_id is not None and entry.reason == "base_accrual":
            self.accruals[casino, entry.rating_slip_id] = entry
        if entry.rating_slip_id is not None and entry.reason == "promotion":
            self.promotions[casino, entry.rating_slip_id, entry.campaign_id] = entry
        if entry.reversed_id is not None:
            self.reversals[casino, entry.reversed_id] = entry
