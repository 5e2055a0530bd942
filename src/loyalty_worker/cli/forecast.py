"""What `loyalty simulate` prints at its end: what was published, and what must come of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from loyalty_worker.cli.output import print_json, print_line
from loyalty_worker.demo.messages import Topic
from loyalty_worker.demo.scene import Casino
from loyalty_worker.demo.tally import Tally
from loyalty_worker.domain.outcomes import Outcome

_OUTCOMES: Final = (Outcome.ACCRUED, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.DEAD_LETTERED)


def print_forecast(
    topics: Mapping[Topic, str],
    tallies: Mapping[Topic, Tally],
    scene: Sequence[Casino],
    *,
    as_json: bool,
) -> None:
    """Print it; promotions come in where their topic is among `topics`."""
    slips = tallies[Topic.RATING_SLIP_CLOSED]
    promotions = tallies[Topic.PROMOTION] if Topic.PROMOTION in topics else None
    if as_json:
        report = {
            **_report(topics[Topic.RATING_SLIP_CLOSED], slips),
            "accounts": len(slips.balances),
            "casinos": [
                {"casino_id": house.casino_id, "name": house.name, "timezone": house.timezone}
                for house in scene
            ],
        }
        if promotions is not None:
            report["promotions"] = {
                **_report(topics[Topic.PROMOTION], promotions),
                "before_their_slip": promotions.early,
            }
        print_json(report)
        return
    _print(topics[Topic.RATING_SLIP_CLOSED], slips)
    print_line(f"  {slips.points:>8}  points for {len(slips.balances)} players")
    if promotions is not None:
        _print(topics[Topic.PROMOTION], promotions)
        print_line(f"  {promotions.points:>8}  points on top of the slips'")
        print_line(f"  {promotions.early:>8}  came before their slip and may wait for it")


def _report(topic: str, tally: Tally) -> dict[str, Any]:
    return {
        "topic": topic,
        "published": tally.published,
        "expected": _expected(tally),
        "dead_letters_by_reason": _reasons(tally),
        "points": tally.points,
    }


def _print(topic: str, tally: Tally) -> None:
    print_line(f"published {tally.published} messages to {topic}")
    print_line("if none of them was there before, they must become:")
    for outcome, count in _expected(tally).items():
        print_line(f"  {count:>8}  {outcome}")
    for reason, count in _reasons(tally).items():
        print_line(f"  {'':>8}  {count} {reason}")


def _expected(tally: Tally) -> dict[str, int]:
    return {outcome.value: tally.outcomes[outcome] for outcome in _OUTCOMES}


def _reasons(tally: Tally) -> dict[str, int]:
    return dict(sorted(tally.reasons.items()))
