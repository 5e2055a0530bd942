"""`loyalty drift check|request`; `list` and `reconcile` are modules of their own."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import typer

from loyalty_worker.application.check_drift import CheckDrift, ChunkLimits
from loyalty_worker.cli.checks import unknown_casino
from loyalty_worker.cli.drift_list import list_all
from loyalty_worker.cli.drift_reconcile import reconcile
from loyalty_worker.cli.exits import (
    PROBLEM_FOUND,
    UNAVAILABLE,
    UNEXPECTED,
    CommandError,
)
from loyalty_worker.cli.options import ActorOption, CasinoFilter, JsonOption, operator_url
from loyalty_worker.cli.output import as_row, print_json, print_line, say
from loyalty_worker.cli.posting import command_pool
from loyalty_worker.cli.progress import Progress
from loyalty_worker.database.drift_checks import PostgresDriftChecks
from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.ports import (
    CasinoUnknownError,
    DriftChunk,
    DriftRequest,
    DriftSummary,
    Fault,
    OutgoingRecord,
)
from loyalty_worker.publishing.drift_request import ALERT_SOURCE, HEADERS, KEY, drift_request
from loyalty_worker.publishing.producer import KafkaPublisher
from loyalty_worker.settings import Settings, load_settings
from loyalty_worker.settings.kafka import kafka_client_options

drift = typer.Typer(help="Cached balances against the ledger.", no_args_is_help=True)

_REQUEST_SOURCE = "/loyalty-worker/command-line"
_LOCK_NOT_AVAILABLE = "55P03"


@drift.command("check")
def check(
    *,
    casino: CasinoFilter = None,
    actor: ActorOption,
    as_json: JsonOption = False,
) -> None:
    """Check every balance now; exit 3 when one drifts.

    What it finds is kept and published as the scheduled check's is. Interrupted, it goes on where
    it stood when it is run again within the hour.
    """
    summary = asyncio.run(_check(load_settings(), casino, actor))
    if as_json:
        print_json(as_row(summary))
    elif summary.verdict != "abandoned":
        print_line(_sentence(summary))
    if summary.verdict == "abandoned":
        raise CommandError(
            UNEXPECTED, f"run {summary.run_id} stood still for an hour and was given up; check anew"
        )
    if summary.verdict != "clean":
        say(
            f"`loyalty drift list --run {summary.run_id}` shows them,"
            " `loyalty drift reconcile` mends cached balances"
        )
        raise typer.Exit(PROBLEM_FOUND)


def _sentence(summary: DriftSummary) -> str:
    run = f"(run {summary.run_id})"
    if summary.verdict == "clean":
        return f"clean: nothing drifts among {summary.players_checked} players {run}"
    return (
        f"{summary.verdict}: {summary.players_drifted} of {summary.players_checked} players drift,"
        f" by {summary.largest_drift} points at most {run}"
    )


async def _check(settings: Settings, casino: UUID | None, actor: str) -> DriftSummary:
    async with command_pool(settings, operator_url(settings)) as pool:
        checks = PostgresDriftChecks(
            pool,
            settings.database_acquire_timeout_seconds,
            alerts_topic=settings.topic_drift_alerts,
            source=ALERT_SOURCE,
            actor=actor,
        )
        run = CheckDrift(checks, ChunkLimits(load=settings.drift_check_load))
        players = 0
        progress = Progress()

        def count(chunk: DriftChunk) -> None:
            nonlocal players
            players += chunk.players
            progress(f"{players} players checked")

        request = DriftRequest("command", casino, requested_by=actor)
        try:
            return await run(request, count)
        except CasinoUnknownError:
            raise unknown_casino(casino) from None
        except Fault as fault:
            if fault.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            raise CommandError(
                UNAVAILABLE,
                "another drift check holds the run, as it does while it closes it;"
                " run the command again in a moment",
            ) from None


@drift.command("request")
def request(
    *,
    casino: CasinoFilter = None,
    actor: ActorOption,
    as_json: JsonOption = False,
) -> None:
    """Ask the workers for a check, as the scheduler does; for a CronJob, and without a database."""
    settings = load_settings()
    identity = EventIdentity(_REQUEST_SOURCE, str(uuid4()))
    value = drift_request(identity, datetime.now(UTC), casino, actor)
    topic = settings.topic_drift_check_requested
    asyncio.run(_publish(settings, OutgoingRecord(0, topic, None, KEY, value, HEADERS)))
    if as_json:
        print_json({"topic": topic, "source": identity.source, "id": identity.id})
    else:
        print_line(f"asked on {topic}: {identity.source} {identity.id}")


async def _publish(settings: Settings, record: OutgoingRecord) -> None:
    publisher = KafkaPublisher(kafka_client_options(settings))
    try:
        await publisher.publish([record])
    except Fault as fault:
        raise CommandError(
            UNAVAILABLE,
            f"Kafka did not acknowledge the request: {fault};"
            " check LOYALTY_KAFKA_BOOTSTRAP_SERVERS, and that `loyalty topics create` made"
            f" {record.topic}",
        ) from None
    finally:
        await publisher.close()


drift.command("list")(list_all)
drift.command("reconcile")(reconcile)
