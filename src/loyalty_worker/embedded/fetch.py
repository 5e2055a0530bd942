"""Set-up: fetch Apache Kafka's locked jars into the cache folder and check every one.

python -m loyalty_worker.embedded.fetch
"""

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from jgo.maven import MavenContext
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from loyalty_worker.embedded.jars import Jar, jar_folder, kafka_version, locked_jars

_PARALLEL = 4
_ATTEMPTS = 5
_TIMEOUT_SECONDS = 60


class JarFetchError(RuntimeError):
    """A jar could not be fetched, or is not the one that was locked."""


@retry(
    retry=retry_if_exception_type((JarFetchError, OSError, requests.RequestException)),
    stop=stop_after_attempt(_ATTEMPTS),
    wait=wait_exponential_jitter(initial=1, max=20),
    reraise=True,
)
def fetch_jar(jar: Jar, folder: Path) -> None:
    """Fetch one jar into the folder, in up to five attempts; raises as `fetch_jars` does."""
    # A repository of its own for each attempt: jgo takes a file that broke off for a whole one.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=_TIMEOUT_SECONDS)
        project = context.project(jar.group, jar.artifact)
        try:
            fetched = project.at_version(jar.version).artifact().resolve()
        except RuntimeError as error:  # jgo's word for: no repository has it, or none answered
            raise JarFetchError(f"{jar.coordinate} could not be fetched") from error
        if not jar.matches(fetched):
            raise JarFetchError(f"{jar.coordinate} has another checksum than the lock says")
        shutil.move(fetched, folder / jar.name)


def fetch_jars() -> int:
    """Make the cache folder hold exactly the locked jars; return how many had to be fetched.

    Each is tried five times. Raises `JarFetchError`, or the network's error, for the first that
    cannot be had; what was fetched by then stays.
    """
    folder = jar_folder()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [jar for jar in locked_jars() if not jar.matches(folder / jar.name)]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        list(pool.map(lambda jar: fetch_jar(jar, folder), wanted))
    names = {jar.name for jar in locked_jars()}
    for stray in folder.glob("*.jar"):
        if stray.name not in names:
            stray.unlink()
    return len(wanted)


def main() -> int:
    """Fetch what is missing and say so; return the exit status."""
    try:
        fetched = fetch_jars()
    except (JarFetchError, OSError, requests.RequestException) as error:
        sys.stderr.write(
            f"Apache Kafka {kafka_version()}: {type(error).__name__}: {error}\n"
            "Check the network (a proxy is taken from the environment) and run it again:"
            " what was fetched stays.\n"
        )
        return 1
    sys.stdout.write(
        f"Apache Kafka {kafka_version()}: {len(locked_jars())} jars, {fetched} fetched,"
        " all as locked\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
