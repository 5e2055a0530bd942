"""Apache Kafka's jars: the lock that names each with its checksum, and the folder they lie in."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from loyalty_worker.embedded.logs import EmbeddedServerError

LOCK_NAME = "kafka-jars.lock"
_BROKER = "kafka_2.13"
_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked artifact; `sha256` in lower-case hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """The name in Maven's notation."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def matches(self, path: Path) -> bool:
        """Say whether the file is there and has the locked checksum."""
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def _parse(line: str) -> Jar:
    fields = line.replace(":", " ").split()
    if len(fields) != _FIELDS:
        raise ValueError(f"{LOCK_NAME}: not `group:artifact:version sha256`: {line!r}")
    return Jar(*fields)


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return what the broker needs, as Maven resolved it (`make kafka-jars-lock`)."""
    text = files(__package__).joinpath(LOCK_NAME).read_text(encoding="utf-8")
    return tuple(_parse(line) for line in text.splitlines() if line and not line.startswith("#"))


def kafka_version() -> str:
    """Return the locked version of Apache Kafka."""
    return next(jar.version for jar in locked_jars() if jar.artifact == _BROKER)


def jar_folder() -> Path:
    """Return the folder of the jars, there or not.

    It lies below `LOYALTY_EMBEDDED_CACHE`, else below `.cache` of the source tree, else (an
    installed package) below the user's cache folder.
    """
    configured = os.environ.get("LOYALTY_EMBEDDED_CACHE")
    source_tree = Path(__file__).parents[3]
    if configured:
        cache_folder = Path(configured)
    elif (source_tree / "pyproject.toml").is_file():
        cache_folder = source_tree / ".cache"
    else:
        cache_folder = Path.home() / ".cache" / "loyalty-worker"
    return cache_folder / "kafka" / kafka_version()


def class_path() -> str:
    """Return Java's class path of the locked jars; raise `EmbeddedServerError` if any is missing.

    Nothing is downloaded here: checksums are checked when jars are fetched.
    """
    folder = jar_folder()
    missing = [jar.name for jar in locked_jars() if not (folder / jar.name).is_file()]
    if missing:
        raise EmbeddedServerError(
            f"{len(missing)} of {len(locked_jars())} jars of Apache Kafka {kafka_version()} are"
            f" missing in {folder} (the first: {missing[0]}): run `make setup`, or"
            " `python -m loyalty_worker.embedded.fetch`"
        )
    return os.pathsep.join(str(folder / jar.name) for jar in locked_jars())
