"""Maintenance: make the lock of Apache Kafka's jars anew, as Maven resolves them.

python -m loyalty_worker.embedded.lock_jars        (needs Maven and Java on the path)
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from loyalty_worker.embedded.jars import LOCK_NAME

ROOTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")

_HEADER = f"""\
# What an Apache Kafka broker needs, as Maven resolves
# {" and ".join(ROOTS)}.
# group:artifact:version, SHA-256 of the jar. Made by `make kafka-jars-lock`.
"""


def _project() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, artifact, version in (root.split(":") for root in ROOTS)
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>lock</groupId>"
        "<artifactId>lock</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _resolve(folder: Path) -> list[str]:
    """Return one lock line per jar: Maven lays them out as a repository, which has their names."""
    (folder / "pom.xml").write_text(_project(), encoding="utf-8")
    subprocess.run(  # noqa: S603 - our own arguments
        [
            *("mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", "-Dmdep.useRepositoryLayout=true"),
            "-DoutputDirectory=jars",
        ],
        cwd=folder,
        check=True,
    )
    lines = []
    for jar in (folder / "jars").rglob("*.jar"):
        *group, artifact, version, _ = jar.relative_to(folder / "jars").parts
        checksum = hashlib.sha256(jar.read_bytes()).hexdigest()
        lines.append(f"{'.'.join(group)}:{artifact}:{version} {checksum}")
    return sorted(lines)


def main() -> None:
    """Write the lock beside this module."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = _resolve(Path(scratch))
    lock = Path(__file__).with_name(LOCK_NAME)
    lock.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{lock.name}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
