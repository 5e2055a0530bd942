"""The scene of an evening: casinos, their tables and policies, the people who play there."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("5d0c1a3e-9f4b-4d67-8a0e-3c2b7f6e1d90")
_REGULARS_PER_CASINO: Final = 40
_TABLES_PER_CASINO: Final = 12
_PIT_BOSSES_PER_CASINO: Final = 4


@dataclass(frozen=True, slots=True)
class Game:
    """A table game; `house_edge` in percent, `minimum_bet` in money."""

    name: str
    house_edge: Decimal
    decisions_per_hour: int
    minimum_bet: int


GAMES: Final = (
    Game("blackjack", Decimal("0.75"), 70, 15),
    Game("baccarat", Decimal("1.06"), 72, 50),
    Game("roulette", Decimal("5.26"), 38, 5),
    Game("craps", Decimal("1.41"), 48, 10),
    Game("three_card_poker", Decimal("3.37"), 65, 10),
    Game("pai_gow_poker", Decimal("1.46"), 34, 25),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one game."""

    table_id: UUID
    game: Game


@dataclass(frozen=True, slots=True)
class Regular:
    """A known player, who bets `level` times what the table asks for."""

    player_id: UUID
    level: int


@dataclass(frozen=True, slots=True)
class Casino:
    """A casino; the rate of its policy is in points per unit of theo."""

    casino_id: UUID
    name: str
    timezone: str
    points_conversion_rate: Decimal
    tables: Sequence[Table]
    regulars: Sequence[Regular]
    pit_bosses: Sequence[UUID]

    @property
    def source(self) -> str:
        """The CloudEvents source of its pit system."""
        return f"{self._path}/pit-system"

    @property
    def campaign_source(self) -> str:
        """The CloudEvents source of its campaign system."""
        return f"{self._path}/campaigns"

    @property
    def _path(self) -> str:
        return f"/casinos/{self.name.lower().replace(' ', '-')}"


_HOUSES: Final = (
    ("Harbour House", "Europe/Berlin", "10"),
    ("Desert Rose", "America/Los_Angeles", "5"),
    ("Lotus Palace", "Asia/Macau", "2.5"),
    ("Southern Cross", "Australia/Sydney", "10"),
    ("Grand Lisbeth", "Europe/Lisbon", "7.5"),
    ("River Queen", "America/Chicago", "12"),
)


def open_casinos(count: int) -> tuple[Casino, ...]:
    """Return the first `count` casinos, the same on every evening: one provisioning lasts."""
    return tuple(_casino(number) for number in range(count))


def _casino(number: int) -> Casino:
    name, timezone, rate = _HOUSES[number % len(_HOUSES)]
    if number >= len(_HOUSES):
        name = f"{name} {number // len(_HOUSES) + 1}"
    rng = Random(name)
    return Casino(
        casino_id=uuid5(_NAMESPACE, name),
        name=name,
        timezone=timezone,
        points_conversion_rate=Decimal(rate),
        tables=[Table(any_uuid(rng), rng.choice(GAMES)) for _ in range(_TABLES_PER_CASINO)],
        regulars=[
            Regular(any_uuid(rng), rng.choice((1, 1, 2, 3, 5, 10, 40)))
            for _ in range(_REGULARS_PER_CASINO)
        ],
        pit_bosses=[any_uuid(rng) for _ in range(_PIT_BOSSES_PER_CASINO)],
    )


def any_uuid(rng: Random) -> UUID:
    """Draw a random UUID from seeded randomness."""
    return UUID(int=rng.getrandbits(128), version=4)
