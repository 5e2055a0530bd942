"""`loyalty topics create`."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from loyalty_worker.cli.options import JsonOption, YesOption, confirm
from loyalty_worker.cli.output import print_json, print_rows
from loyalty_worker.publishing.topics import (
    TopicSpec,
    TopicState,
    create_topics,
    existing_topics,
    usual_replication,
)
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

topics = typer.Typer(help="The topics on Kafka.", no_args_is_help=True)

_DAY_MS = 24 * 60 * 60 * 1000
# The broker's clock: a producer's wrong one would fool retention, lag and the service level.
_BROKERS_CLOCK = {"message.timestamp.type": "LogAppendTime"}


@topics.command("create")
def create(
    *,
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="For each new topic.")] = 6,
    replication: Annotated[
        int | None,
        typer.Option(min=1, max=9, help="For each new topic; 3, or as many as there are brokers."),
    ] = None,
    retention_days: Annotated[
        int,
        typer.Option(
            min=1,
            max=36500,
            help="For each new topic. Longer than your oldest backup of the database: a restored"
            " one catches up from here.",
        ),
    ] = 30,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing. Those that exist stay as they are."""
    settings = load_settings()
    specs = topic_specs(settings, retention_days)
    options = kafka_client_options(settings)
    before = asyncio.run(existing_topics(options, [spec.name for spec in specs]))
    missing = [spec for spec in specs if spec.name not in before]
    made: list[TopicState] = []
    if missing:
        copies = replication or asyncio.run(usual_replication(options))
        confirm(
            [
                f"create {spec.name}: {partitions} partitions, replication {copies},"
                f" kept for {retention_days} days"
                for spec in missing
            ],
            yes=yes,
        )
        made = asyncio.run(create_topics(options, missing, partitions, copies))
    _print(specs, before, {state.name: state for state in made}, as_json=as_json)


def topic_specs(settings: Settings, retention_days: int) -> list[TopicSpec]:
    """Return every topic the worker reads or writes, and how each is kept."""
    inputs = (
        settings.topic_rating_slip_closed,
        settings.topic_promotion,
        settings.topic_drift_check_requested,
    )
    kept = {"cleanup.policy": "delete", "retention.ms": str(retention_days * _DAY_MS)}
    return [
        *(TopicSpec(name, {**kept, **_BROKERS_CLOCK}) for name in inputs),
        *(TopicSpec(f"{name}.dlq", kept) for name in inputs),
        TopicSpec(settings.topic_drift_alerts, kept),
    ]


def _print(
    specs: list[TopicSpec],
    before: Mapping[str, TopicState],
    made: Mapping[str, TopicState],
    *,
    as_json: bool,
) -> None:
    rows: list[dict[str, Any]] = []
    for spec in specs:
        state = before.get(spec.name) or made[spec.name]
        rows.append(
            {
                "topic": state.name,
                "status": "exists" if spec.name in before else "created",
                "partitions": state.partitions,
                "replication": state.replication,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["topic", "status", "partitions", "replication"])
