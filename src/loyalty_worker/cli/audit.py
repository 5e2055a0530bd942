"""`loyalty audit coverage`: what the topics hold against what the database accounts for."""

import asyncio
from typing import Annotated

import typer

from loyalty_worker.application.coverage import (
    AuditCoverage,
    PartitionCoverage,
    UnaccountedRecord,
)
from loyalty_worker.cli.checks import group_of
from loyalty_worker.cli.exits import PROBLEM_FOUND, UNAVAILABLE
from loyalty_worker.cli.options import JsonOption, operator_url
from loyalty_worker.cli.output import as_row, print_json, print_line, print_rows, say
from loyalty_worker.cli.progress import Progress
from loyalty_worker.consumers.decoder import event_decoders
from loyalty_worker.database.accounts import record_accounts
from loyalty_worker.domain.accounting import AccountedBy
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.publishing.topic_log import open_topic_log
from loyalty_worker.publishing.topics import existing_topics
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

audit = typer.Typer(
    help="Holds the topics against what the database accounts for.", no_args_is_help=True
)

_COLUMNS = [
    *("topic", "partition", "generation", "from", "to", "records"),
    *("ledger", "skipped", "parked", "dead_letters", "unaccounted", "lag"),
]
# A whole table may be gone: so many of its records are named, all are counted.
_MOST_NAMED = 10_000


@audit.command("coverage")
def coverage(
    *,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look for processed records that nobody accounts for; from the log's start, reading only.

    Exit 3 when records, or a partition's position, are missing; 4 when a topic is not there.
    """
    settings = load_settings()
    groups = settings.consumer_groups if topic is None else {topic: group_of(settings, topic)}
    named: list[UnaccountedRecord] = []
    missing = groups.keys() - asyncio.run(existing_topics(kafka_client_options(settings), groups))
    found = asyncio.run(_found(settings, groups, named))
    _print(found, named, as_json=as_json)
    for name in sorted(missing):
        say(
            f"there is no topic {name} on {settings.kafka_bootstrap_servers}: check"
            " LOYALTY_TOPIC_… and LOYALTY_KAFKA_BOOTSTRAP_SERVERS; `loyalty topics create` makes"
            " topics"
        )
    if not all(one.is_whole for one in found):
        raise typer.Exit(PROBLEM_FOUND)
    if missing:
        raise typer.Exit(UNAVAILABLE)


async def _found(
    settings: Settings, groups: dict[str, str], named: list[UnaccountedRecord]
) -> list[PartitionCoverage]:
    progress = Progress()

    def on_unaccounted(record: UnaccountedRecord) -> None:
        if len(named) < _MOST_NAMED:
            named.append(record)

    def on_progress(at: PartitionId, passed: int, of: int) -> None:
        progress(f"{at}: {passed} of {of} offsets")

    decoder = event_decoders(settings.topic_rating_slip_closed, settings.topic_promotion)
    async with (
        record_accounts(operator_url(settings)) as accounts,
        open_topic_log(kafka_client_options(settings)) as log,
    ):
        audited = AuditCoverage(accounts, log, decoder, on_unaccounted, on_progress)
        found = []
        async for partition in audited(groups):
            say(f"{partition.at}: {partition.records} records looked at")
            found.append(partition)
    return found


def _print(
    found: list[PartitionCoverage], named: list[UnaccountedRecord], *, as_json: bool
) -> None:
    if as_json:
        partitions = [
            _row(one) | {"remarks": [as_row(remark) for remark in one.remarks]} for one in found
        ]
        records = [_record_row(record) for record in named]
        print_json({"partitions": partitions, "unaccounted": records})
        return
    print_rows([_row(one) for one in found], _COLUMNS)
    for one in found:
        for remark in one.remarks:
            print_line(f"{one.at}: {remark.text}")
    for record in named:
        print_line(
            f"{record.at}, offset {record.offset}, event {record.event_id or '-'}: {record.reason}"
        )
    unaccounted = sum(one.unaccounted for one in found)
    if unaccounted > len(named):
        print_line(f"and {unaccounted - len(named)} more")
    print_line(f"above the positions, not looked at: {sum(one.lag for one in found)}")
    looked_at = sum(one.records for one in found)
    print_line(f"{looked_at - unaccounted} of {looked_at} records are accounted for")


def _row(one: PartitionCoverage) -> dict[str, object]:
    return {
        "topic": one.at.topic,
        "partition": one.at.partition,
        "generation": one.generation,
        "from": one.start,
        "to": one.end,
        "records": one.records,
        "ledger": one.accounts[AccountedBy.LEDGER],
        "skipped": one.accounts[AccountedBy.SKIPPED],
        "parked": one.accounts[AccountedBy.PARKED],
        "dead_letters": one.accounts[AccountedBy.DEAD_LETTER],
        "unaccounted": one.unaccounted,
        "lag": one.lag,
    }


def _record_row(record: UnaccountedRecord) -> dict[str, object]:
    return {
        "topic": record.at.topic,
        "partition": record.at.partition,
        "offset": record.offset,
        "event_id": record.event_id,
        "reason": record.reason,
    }
