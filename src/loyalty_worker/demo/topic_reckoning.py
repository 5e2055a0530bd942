"""The reckoning of one topic: every record that was published has come to its end."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from loyalty_worker.demo.books import Progress, as_sum
from loyalty_worker.demo.tally import Tally
from loyalty_worker.domain.outcomes import Outcome

_FINAL: Final[tuple[Outcome, ...]] = (
    Outcome.ACCRUED,
    Outcome.DUPLICATE,
    Outcome.SKIPPED,
    Outcome.DEAD_LETTERED,
)


@dataclass(frozen=True, slots=True)
class TopicEvidence:
    """What is compared of one topic.

    `tally` is what the generator expects, by exact arithmetic in Python; `ends` and `committed`
    are the broker's, by partition; `progress` is the database's.
    """

    tally: Tally = field(default_factory=Tally)
    ends: Mapping[int, int] = field(default_factory=dict)
    committed: Mapping[int, int] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the reckoning."""

    text: str
    holds: bool


def records(topic: str, of: TopicEvidence) -> Iterator[Check]:
    """Yield the lines on what became of the topic's records."""
    tally, progress = of.tally, of.progress
    committed, ends = Counter(of.committed), Counter(of.ends)
    published = ends.total()
    yield Check(
        f"{topic}: published {published:,} = {as_sum(progress.outcomes)}",
        published == sum(progress.outcomes.values()),
    )
    yield Check(
        f"{topic}: end offsets {published:,} = confirmed to the publisher {tally.published:,}"
        f" = processed by the worker {progress.processed:,}",
        published == tally.published == progress.processed,
    )
    yield Check(
        f"{topic}: committed offsets {committed.total():,} = end offsets {published:,},"
        " in each partition",
        committed == ends,
    )
    final = {outcome: progress.final(outcome) for outcome in _FINAL}
    expected = [tally.outcomes[outcome] for outcome in _FINAL]
    yield Check(
        f"{topic}: in the end {as_sum(final, _FINAL)}"
        f" = expected by the reference {' + '.join(f'{count:,}' for count in expected)}",
        list(final.values()) == expected,
    )
    letters, dead = sum(progress.letters.values()), final[Outcome.DEAD_LETTERED]
    yield Check(
        f"{topic}: dead letters kept {letters:,} = dead-lettered {dead:,}, each reason as expected",
        letters == dead and dict(progress.letters) == dict(tally.reasons),
    )


def waited(topic: str, progress: Progress) -> Check:
    """Return the line on the records that were parked: each has come to its end."""
    parked = progress.outcomes.get(Outcome.PARKED, 0)
    return Check(
        f"{topic}: came before their slip was posted and waited {parked:,}"
        f" = {as_sum(progress.released, _FINAL)} later; still waiting {progress.waiting:,}",
        parked == sum(progress.released.values()) and progress.waiting == 0,
    )
