"""`loyalty simulate`."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from loyalty_worker.cli.exits import UNAVAILABLE, CommandError
from loyalty_worker.cli.options import ActorOption, JsonOption, YesOption, confirm, operator_url
from loyalty_worker.cli.output import print_json, print_line, say
from loyalty_worker.database.operator import add_casino, operator_transaction
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Message
from loyalty_worker.demo.publisher import publish
from loyalty_worker.demo.scene import Casino, open_casinos
from loyalty_worker.demo.tally import Tally
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.publishing.topics import existing_topics
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

_OUTCOMES: Final = (Outcome.ACCRUED, Outcome.DUPLICATE, Outcome.SKIPPED, Outcome.DEAD_LETTERED)
_DATE_FORMAT: Final = "%Y-%m-%d"


def simulate(
    *,
    casinos: Annotated[int, typer.Option(min=1, max=1000, help="Casinos that are open.")] = 3,
    slips: Annotated[int, typer.Option(min=1, help="Distinct slips that are closed.")] = 1000,
    rate: Annotated[int, typer.Option(min=1, help="Messages a second, at most.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same evening.")] = 1,
    day: Annotated[
        datetime | None,
        typer.Option(formats=[_DATE_FORMAT], help="The day of the evening; yesterday by default."),
    ] = None,
    broken: Annotated[
        float, typer.Option(min=0, max=100, help="Broken messages, percent of the slips.")
    ] = 1.0,
    duplicates: Annotated[
        float, typer.Option(min=0, max=100, help="Slips told twice, percent.")
    ] = 5.0,
    provision: Annotated[
        bool, typer.Option("--provision", help="Add the casinos first, with the operator's login.")
    ] = False,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a casino evening, and print what the ledger must make of it.

    The casinos must be provisioned, or their slips are dead letters; the commands for that are
    printed, and --provision --yes runs them.
    """
    settings = load_settings()
    plan = EveningPlan(
        casinos, slips, seed, _evening_of(day), duplicates=duplicates / 100, broken=broken / 100
    )
    scene = open_casinos(casinos)
    commands = [
        f'loyalty casino add {house.casino_id} --name "{house.name}" --timezone {house.timezone}'
        for house in scene
    ]
    if provision:
        url = operator_url(settings)
        confirm(commands, yes=yes)
        asyncio.run(_provision(url, scene, actor))
    else:
        say("these casinos must be provisioned (or give --provision --yes):")
        for command in commands:
            say(f"  {command} --yes")
    asyncio.run(_require_topic(settings))
    tally = Tally()
    try:
        asyncio.run(_publish(settings, plan, rate, tally))
    finally:
        # also when it was interrupted: what is on the topic stays there
        _print(settings.topic_rating_slip_closed, scene, tally, as_json=as_json)


def _evening_of(day: datetime | None) -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date() if day is None else day.date()


async def _provision(url: str, scene: Sequence[Casino], actor: str) -> None:
    ids = [house.casino_id for house in scene]
    async with operator_transaction(url, ids, actor) as connection:
        for house in scene:
            await add_casino(connection, house.casino_id, house.name, house.timezone)


async def _require_topic(settings: Settings) -> None:
    topic = settings.topic_rating_slip_closed
    if topic not in await existing_topics(kafka_client_options(settings), [topic]):
        raise CommandError(
            UNAVAILABLE, f"topic {topic} does not exist; `loyalty topics create --yes` makes it"
        )


async def _publish(settings: Settings, plan: EveningPlan, rate: int, tally: Tally) -> None:
    """Publish the evening with progress on stderr, and tally what is confirmed."""
    topic = settings.topic_rating_slip_closed
    with _progress() as progress:
        published = progress.add_task(f"publishing to {topic}", total=None)

        def count(message: Message) -> None:
            tally.add(message.expected)
            progress.advance(published)

        await publish(kafka_client_options(settings), topic, evening(plan), rate, count)


def _progress() -> Progress:
    """Return a progress display; without a terminal it shows nothing."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
    )


def _print(topic: str, scene: Sequence[Casino], tally: Tally, *, as_json: bool) -> None:
    expected = {outcome.value: tally.outcomes[outcome] for outcome in _OUTCOMES}
    reasons = {str(reason): count for reason, count in sorted(tally.reasons.items())}
    if as_json:
        report: dict[str, Any] = {
            "topic": topic,
            "published": tally.published,
            "expected": expected,
            "dead_letters_by_reason": reasons,
            "points": tally.points,
            "accounts": len(tally.balances),
            "casinos": [
                {"casino_id": house.casino_id, "name": house.name, "timezone": house.timezone}
                for house in scene
            ],
        }
        print_json(report)
        return
    print_line(f"published {tally.published} messages to {topic}")
    print_line("if none of them was there before, they must become:")
    for outcome, count in expected.items():
        print_line(f"  {count:>8}  {outcome}")
    for reason, count in reasons.items():
        print_line(f"  {'':>8}  {count} {reason}")
    print_line(f"  {tally.points:>8}  points for {len(tally.balances)} players")
