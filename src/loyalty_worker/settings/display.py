"""The settings as a person may see them: secrets masked, origin told."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from loyalty_worker.postgres_url import read_postgres_url
from loyalty_worker.settings.loading import FILE_SUFFIX, variable
from loyalty_worker.settings.model import PREFIX, Settings

_MASK = "********"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting; `value` is safe to print, `origin` is default, environment or file."""

    variable: str
    value: str | int | float | None
    origin: str
    meaning: str


def show_settings(settings: Settings) -> list[ShownSetting]:
    """Return every setting in the order in which it is declared."""
    return [
        ShownSetting(
            variable(field),
            _shown(field, getattr(settings, field)),
            _origin(field, os.environ),
            info.description or "",
        )
        for field, info in Settings.model_fields.items()
    ]


def unknown_variables() -> list[tuple[str, str | None]]:
    """Return variables with our prefix that name no setting, each with the nearest that does.

    They are no error: a platform may put its own there (Kubernetes does, for every service).
    """
    known = {variable(field) for field in Settings.model_fields}
    known |= {name + FILE_SUFFIX for name in known}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    nearest = ((name, difflib.get_close_matches(name, known, n=1)) for name in unknown)
    return [(name, near[0] if near else None) for name, near in nearest]


def _shown(field: str, value: object) -> str | int | float | None:
    if value is None or isinstance(value, int | float):
        return value
    if not isinstance(value, SecretStr):
        return str(value)
    if not field.endswith("_url"):
        return _MASK
    return read_postgres_url(value.get_secret_value()).masked


def _origin(field: str, environ: Mapping[str, str]) -> str:
    if environ.get(variable(field)):
        return "environment"
    return "file" if environ.get(variable(field) + FILE_SUFFIX) else "default"
