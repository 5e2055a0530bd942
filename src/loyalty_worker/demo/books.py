"""How far an evening is, topic by topic."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from loyalty_worker.domain.outcomes import Outcome

WORDS: Final = {outcome: outcome.value.replace("_", "-") for outcome in Outcome}


def as_sum(counts: Mapping[Outcome, int], outcomes: Iterable[Outcome] = Outcome) -> str:
    """Spell out the counts of these outcomes as the terms of a sum."""
    return " + ".join(f"{WORDS[outcome]} {counts.get(outcome, 0):,}" for outcome in outcomes)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one topic is: `published` by the broker's ends, the rest by the database.

    `outcomes` is what became of its records first, `released` what those came to that were parked;
    `waiting` are parked still. `entries` and `points` are the ledger's of its reason.
    """

    published: int = 0
    processed: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    released: Mapping[Outcome, int] = field(default_factory=dict)
    waiting: int = 0
    letters: Mapping[str, int] = field(default_factory=dict)
    entries: int = 0
    points: int = 0

    @property
    def lag(self) -> int:
        """Records that are on the topic and not in the database yet."""
        return self.published - self.processed

    def final(self, outcome: Outcome) -> int:
        """Return how many records came to it in the end, at once or after they had waited."""
        return self.outcomes.get(outcome, 0) + self.released.get(outcome, 0)


@dataclass(frozen=True, slots=True)
class EveningProgress:
    """How far both topics are."""

    slips: Progress
    promotions: Progress

    @property
    def published(self) -> int:
        """Records that are on either topic."""
        return self.slips.published + self.promotions.published

    @property
    def processed(self) -> int:
        """Records that the worker has passed on either topic."""
        return self.slips.processed + self.promotions.processed

    @property
    def lag(self) -> int:
        """Records that are on either topic and not in the database yet."""
        return self.slips.lag + self.promotions.lag

    @property
    def points(self) -> int:
        """Base points and promotion points together."""
        return self.slips.points + self.promotions.points

    @property
    def entries(self) -> int:
        """Entries for base points and for promotions together."""
        return self.slips.entries + self.promotions.entries

    @property
    def letters(self) -> dict[str, int]:
        """Dead letters of either topic by reason, in the order of the reasons."""
        return dict(
            sorted((Counter(self.slips.letters) + Counter(self.promotions.letters)).items())
        )
