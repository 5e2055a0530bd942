"""Plants each known bug in a copy of the project and shows the test that fails for it.

`make plants` runs this module. A plant is a patch under `tests/faults/plants/`; above the diff it
says what it breaks, and on a line `Caught by:` which tests must fail. Exit 1 where one passes.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
PLANTS = Path(__file__).parent / "faults" / "plants"
_CAUGHT_BY = re.compile(r"^Caught by: (.+)$", re.MULTILINE)
_TEST_SECONDS = 300
_FAILED = 1  # pytest's status for tests that ran and failed


@dataclass(frozen=True, slots=True)
class Plant:
    """A patch, what it breaks, and the tests that must fail for it."""

    file: Path
    breaks: str
    tests: tuple[str, ...]


def plants(names: list[str]) -> list[Plant]:
    """Read the plants of these names, all without names."""
    found = []
    for file in sorted(PLANTS.glob("*.patch")):
        text = file.read_text(encoding="utf-8")
        caught_by = _CAUGHT_BY.search(text)
        if caught_by is None:
            raise SystemExit(f"{file.name} does not say which tests catch it")
        if not names or file.stem in names:
            found.append(Plant(file, text.splitlines()[0], tuple(caught_by[1].split())))
    return found


def is_caught(plant: Plant, copy: Path) -> bool:
    """Apply the plant to a fresh copy, and say whether its tests fail there."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True)  # noqa: S607 - git from the path
    subprocess.run(["tar", "-x"], cwd=copy, check=True, input=archive.stdout)  # noqa: S607 - the same
    subprocess.run(["git", "apply", str(plant.file)], cwd=copy, check=True)  # noqa: S607 - the same
    (copy / ".cache").symlink_to(ROOT / ".cache")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *plant.tests],
        cwd=copy,
        check=False,
        capture_output=True,
        timeout=_TEST_SECONDS,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
    )
    if ran.returncode not in (0, _FAILED):
        raise SystemExit(f"{plant.file.stem}: pytest could not run\n{ran.stdout.decode()[-3000:]}")
    return ran.returncode == _FAILED


def main(names: list[str]) -> int:
    """Plant all, print a table, and return the exit status."""
    table = Table("plant", "breaks", "caught by", "caught", box=None)
    missed = 0
    for plant in plants(names):
        with TemporaryDirectory(prefix="loyalty-plant-") as copy:
            caught = is_caught(plant, Path(copy))
        missed += not caught
        table.add_row(plant.file.stem, plant.breaks, "\n".join(plant.tests), str(caught).lower())
        sys.stderr.write(f"{plant.file.stem}: {'caught' if caught else 'NOT CAUGHT'}\n")
    Console(width=200).print(table)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
