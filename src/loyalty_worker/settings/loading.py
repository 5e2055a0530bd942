"""From environment and files to checked settings."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loyalty_worker.settings.limits import limit_problems
from loyalty_worker.settings.model import PREFIX, Settings
from loyalty_worker.settings.problems import Problem, SettingsError
from loyalty_worker.settings.schedule import schedule_problems
from loyalty_worker.settings.transport import transport_problems

FILE_SUFFIX = "_FILE"


def load_settings() -> Settings:
    """Read the settings from `LOYALTY_…` and `LOYALTY_…_FILE`; raises `SettingsError`.

    A file's value is its text without a final line end.
    """
    from_files, problems = _read_files(os.environ)
    try:
        settings = Settings(**from_files)  # type: ignore[arg-type] # texts, pydantic converts them
    except ValidationError as error:
        problems += [_problem(detail) for detail in error.errors(include_input=False)]
        raise SettingsError(problems) from None
    problems += [
        *transport_problems(settings),
        *limit_problems(settings),
        *schedule_problems(settings),
    ]
    if problems:
        raise SettingsError(problems)
    return settings


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()


def _read_files(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for field in Settings.model_fields:
        name = variable(field) + FILE_SUFFIX
        path = environ.get(name)
        if not path:
            continue
        if environ.get(variable(field)):
            problems.append(
                Problem(name, f"{variable(field)} is set as well", "give one of the two")
            )
            continue
        try:
            values[field] = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(
                Problem(
                    name,
                    f"cannot read the file it names ({type(error).__name__})",
                    "give the path of a readable UTF-8 text file",
                )
            )
    return values, problems


def _problem(detail: ErrorDetails) -> Problem:
    """Keep pydantic's rule, never its input: that may be a secret."""
    field = str(detail["loc"][0]) if detail["loc"] else ""
    known = Settings.model_fields.get(field)
    purpose = known.description if known is not None else None
    return Problem(variable(field), detail["msg"], f"it is: {purpose}" if purpose else "remove it")
