"""Where the files that travel with the package lie: event schemas and SQL migrations."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: Literal["schemas", "migrations"]) -> Path:
    """Return the folder of that name: inside an installed wheel, else at a checkout's top.

    Raises `FileNotFoundError` when neither is there, which means a damaged installation.
    """
    packaged = _PACKAGE / "_resources" / name
    checkout = _PACKAGE.parents[1] / name
    for folder in (packaged, checkout):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"the package's {name} folder is missing, looked in {packaged} and {checkout}: "
        "install loyalty-worker again"
    )
