"""`loyalty simulate`."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from loyalty_worker.cli.exits import UNAVAILABLE, CommandError
from loyalty_worker.cli.forecast import print_forecast
from loyalty_worker.cli.options import ActorOption, JsonOption, YesOption, confirm, operator_url
from loyalty_worker.cli.output import say
from loyalty_worker.database.operator import add_casino, operator_transaction
from loyalty_worker.demo.evening import EveningPlan, evening
from loyalty_worker.demo.messages import Message, Topic
from loyalty_worker.demo.publisher import publish
from loyalty_worker.demo.scene import Casino, open_casinos
from loyalty_worker.demo.tally import Tally
from loyalty_worker.publishing.topics import existing_topics
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

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
    promotions: Annotated[
        float, typer.Option(min=0, max=100, help="Slips with a campaign's award, percent.")
    ] = 0.0,
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
        casinos,
        slips,
        seed,
        _evening_of(day),
        duplicates=duplicates / 100,
        broken=broken / 100,
        promotions=promotions / 100,
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
        say(
            "where these casinos are not provisioned, all their events become dead letters;"
            " --provision --yes adds them first, or:"
        )
        for command in commands:
            say(f"  {command} --yes")
    topics = {Topic.RATING_SLIP_CLOSED: settings.topic_rating_slip_closed}
    if promotions:
        topics[Topic.PROMOTION] = settings.topic_promotion
    asyncio.run(_require(settings, topics.values()))
    tallies = {topic: Tally() for topic in topics}
    try:
        asyncio.run(_publish(settings, topics, plan, rate, tallies))
    finally:
        # also when it was interrupted: what is on the topics stays there
        print_forecast(topics, tallies, scene, as_json=as_json)


def _evening_of(day: datetime | None) -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date() if day is None else day.date()


async def _provision(url: str, scene: Sequence[Casino], actor: str) -> None:
    ids = [house.casino_id for house in scene]
    async with operator_transaction(url, ids, actor) as connection:
        for house in scene:
            await add_casino(connection, house.casino_id, house.name, house.timezone)


async def _require(settings: Settings, topics: Collection[str]) -> None:
    existing = await existing_topics(kafka_client_options(settings), topics)
    for topic in topics:
        if topic not in existing:
            raise CommandError(
                UNAVAILABLE, f"topic {topic} does not exist; `loyalty topics create --yes` makes it"
            )


async def _publish(
    settings: Settings,
    topics: Mapping[Topic, str],
    plan: EveningPlan,
    rate: int,
    tallies: Mapping[Topic, Tally],
) -> None:
    """Publish the evening with progress on stderr, and tally what is confirmed."""
    with _progress() as progress:
        published = progress.add_task(f"publishing to {' and '.join(topics.values())}", total=None)

        def count(message: Message) -> None:
            tallies[message.topic].add(message.expected)
            progress.advance(published)

        await publish(kafka_client_options(settings), topics, evening(plan), rate, count)


def _progress() -> Progress:
    """Return a progress display; without a terminal it shows nothing."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
    )
