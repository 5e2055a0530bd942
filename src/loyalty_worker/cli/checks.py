"""What commands refuse alike: a topic, a casino or a drift check that is not there."""

from uuid import UUID

import asyncpg

from loyalty_worker.cli.exits import REFUSED, USAGE, CommandError
from loyalty_worker.database.operator import casino_exists
from loyalty_worker.database.operator_drift import run_exists
from loyalty_worker.settings import Settings


def group_of(settings: Settings, topic: str) -> str:
    """Return the group that consumes a topic; raises `CommandError` where none does."""
    groups = settings.consumer_groups
    if topic not in groups:
        raise CommandError(USAGE, f"{topic} is no topic that is consumed: {', '.join(groups)}")
    return groups[topic]


def unknown_casino(casino: UUID | None) -> CommandError:
    """Return what is said of a casino that nobody provisioned."""
    return CommandError(
        REFUSED, f"casino {casino} is not provisioned; `loyalty casino list` shows all"
    )


async def require_casino(opened: asyncpg.Connection, casino: UUID) -> None:
    """Raise `CommandError` unless somebody provisioned the casino."""
    if not await casino_exists(opened, casino):
        raise unknown_casino(casino)


async def require_run(opened: asyncpg.Connection, run: UUID) -> None:
    """Raise `CommandError` unless there is this drift check."""
    if not await run_exists(opened, run):
        raise CommandError(
            REFUSED, f"there is no drift check {run}; `loyalty drift list --runs` shows all"
        )
