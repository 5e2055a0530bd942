"""`loyalty resume`: ends a topic's halt, and accepts that records are lost."""

import asyncio
from typing import Annotated

import asyncpg
import typer

from loyalty_worker.cli.checks import group_of
from loyalty_worker.cli.exits import REFUSED, CommandError
from loyalty_worker.cli.options import (
    ActorOption,
    JsonOption,
    ReasonOption,
    YesOption,
    confirm,
    operator_url,
)
from loyalty_worker.cli.output import print_json, print_line
from loyalty_worker.database.operator import operator_reading, operator_transaction
from loyalty_worker.database.operator_halts import (
    OpenHalt,
    Position,
    accept_record_loss,
    end_halts,
    open_halts,
    read_positions,
)
from loyalty_worker.publishing.log_reader import log_starts
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options


def resume(
    topic: Annotated[str, typer.Argument(help="The topic that is halted.")],
    *,
    reason: ReasonOption,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Go on at the log's start where records were deleted unread; it is audited.",
        ),
    ] = False,
    actor: ActorOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a topic's halt; the worker goes on within seconds."""
    settings = load_settings()
    url = operator_url(settings)
    group_of(settings, topic)
    halts = asyncio.run(_halts(url, topic))
    lost = asyncio.run(_lost(settings, url, topic)) if accept_loss else []
    plan = [
        f"end the halt of {halt.topic} for {halt.consumer_group}: {halt.reason} since"
        f" {halt.halted_at:%Y-%m-%d %H:%M:%S %Z}, partition {halt.partition}, offset {halt.offset}"
        for halt in halts
    ]
    plan += [
        f"accept that offsets {position.next_offset} to {start - 1} of {position.at} are lost"
        for position, start in lost
    ]
    if plan:
        confirm([*plan, f"as {actor}: {reason}"], yes=yes)
        asyncio.run(_resume(settings, topic, lost, reason=reason, actor=actor))
    if as_json:
        ranges = [
            {"partition": p.at.partition, "first": p.next_offset, "last": start - 1}
            for p, start in lost
        ]
        print_json({"ended": len(halts), "lost": ranges})
    else:
        print_line("\n".join(plan) if plan else f"{topic} is not halted, and nothing is lost")


async def _halts(url: str, topic: str) -> list[OpenHalt]:
    async with operator_reading(url) as connection:
        return await open_halts(connection, topic)


async def _lost(settings: Settings, url: str, topic: str) -> list[tuple[Position, int]]:
    """Return the positions below the log's start, each with that."""
    async with operator_reading(url) as connection:
        positions = await read_positions(connection, settings.consumer_groups[topic], topic)
    starts = await log_starts(kafka_client_options(settings), [one.at for one in positions])
    return [(one, starts[one.at]) for one in positions if starts[one.at] > one.next_offset]


async def _resume(
    settings: Settings, topic: str, lost: list[tuple[Position, int]], *, reason: str, actor: str
) -> None:
    group = settings.consumer_groups[topic]
    async with operator_transaction(operator_url(settings), (), actor) as connection:
        try:
            for position, start in lost:
                await accept_record_loss(connection, group, position, start, reason)
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise CommandError(
                REFUSED, f"{error.args[0]}; nothing was changed, run the command again"
            ) from None
        await end_halts(connection, topic, reason)
