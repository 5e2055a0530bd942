"""Options that several commands share, and the settings they stand on."""

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import typer
from pydantic import SecretStr

from loyalty_worker.cli.exits import UNAVAILABLE, USAGE, CommandError
from loyalty_worker.cli.output import say
from loyalty_worker.settings import Settings

_LONGEST_NAME = 200


def system_user() -> str:
    """Return the name of the account that runs this, or its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container's account is often only a number
        return f"uid {os.getuid()}"


def read_time(text: str) -> datetime:
    """Read a date or time of ISO 8601; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it as 2026-03-14 or 2026-03-14T22:30:00+01:00") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("say why, in words")
    return text.strip()


def _actor(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise typer.BadParameter(f"a name of 1 to {_LONGEST_NAME} printable characters")
    return text.strip()


JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
YesOption: TypeAlias = Annotated[
    bool, typer.Option("--yes", help="Do it; without this the plan is shown and nothing is done.")
]
ActorOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--actor",
        default_factory=system_user,
        parser=_actor,
        metavar="NAME",
        help="Who acts, for the audit.",
    ),
]
CasinoArgument: TypeAlias = Annotated[UUID, typer.Argument(help="The casino's id.")]
CasinoOption: TypeAlias = Annotated[UUID, typer.Option("--casino", help="The casino's id.")]
CasinoFilter: TypeAlias = Annotated[
    UUID | None, typer.Option("--casino", help="Only this casino; all without it.")
]
ReasonOption: TypeAlias = Annotated[
    str,
    typer.Option("--reason", parser=_reason, metavar="TEXT", help="Why, in words; it is audited."),
]
NOT_CHANGED: Final = "nothing was changed; add --yes to do it"
PlayerArgument: TypeAlias = Annotated[UUID, typer.Argument(help="The player's id.")]


def confirm(plan: Sequence[str], *, yes: bool) -> None:
    """Print what is about to change; raises `CommandError` unless the person said `--yes`."""
    for line in plan:
        say(line)
    if not yes:
        raise CommandError(USAGE, NOT_CHANGED)


def worker_url(settings: Settings) -> str:
    """Return the worker's URL; raises `CommandError` where it is not set."""
    return _url(settings.database_url, "LOYALTY_DATABASE_URL", "the worker's")


def operator_url(settings: Settings) -> str:
    """Return the operator's URL; raises `CommandError` where it is not set."""
    return _url(settings.operator_database_url, "LOYALTY_OPERATOR_DATABASE_URL", "the operator's")


def migration_url(settings: Settings) -> str:
    """Return the owner's URL; raises `CommandError` where it is not set."""
    return _url(settings.migration_database_url, "LOYALTY_MIGRATION_DATABASE_URL", "the owner's")


def _url(secret: SecretStr | None, variable: str, whose: str) -> str:
    if secret is None:
        raise CommandError(
            UNAVAILABLE,
            f"{variable}: is not set; "
            f"write {whose} login there, postgresql://user:password@host/database",
        )
    return secret.get_secret_value()
