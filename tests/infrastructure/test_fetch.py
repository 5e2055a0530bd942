import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tenacity

from loyalty_worker.embedded import fetch
from loyalty_worker.embedded.fetch import JarFetchError, fetch_jars
from loyalty_worker.embedded.jars import jar_folder, locked_jars

REAL_FOLDER = jar_folder()


@dataclass
class Repository:
    """Stands for the network: it serves the real jars, after `failures` answers that are wrong."""

    failures: int = 0
    served: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.served)

    def serve(self, name: str, scratch: Path) -> Path:
        self.served.append(name)  # atomic: several threads fetch
        target = scratch / name
        content = (REAL_FOLDER / name).read_bytes()
        if self.requests <= self.failures:
            content = content[: len(content) // 2]
        target.write_bytes(content)
        return target


@dataclass
class Client:
    """The few words of jgo's context that the fetcher uses."""

    repository: Repository
    scratch: Path
    name: str = ""

    def project(self, _group: str, artifact: str) -> "Client":
        self.name = artifact
        return self

    def at_version(self, version: str) -> "Client":
        self.name = f"{self.name}-{version}.jar"
        return self

    def artifact(self) -> "Client":
        return self

    def resolve(self) -> Path:
        return self.repository.serve(self.name, self.scratch)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    served = Repository()

    def context(*, repo_cache: Path, timeout: int) -> Client:
        assert timeout > 0
        return Client(served, repo_cache)

    monkeypatch.setattr(fetch, "MavenContext", context)
    monkeypatch.setattr(fetch.fetch_jar.retry, "wait", tenacity.wait_none())
    return served


@pytest.fixture
def folder(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOYALTY_EMBEDDED_CACHE", str(directory))
    return jar_folder()


def complete(folder: Path) -> bool:
    return all(jar.matches(folder / jar.name) for jar in locked_jars())


def test_an_empty_cache_gets_every_locked_jar(folder: Path, repository: Repository) -> None:
    assert fetch_jars() == 46
    assert repository.requests == 46
    assert complete(folder)
    assert {path.name for path in folder.iterdir()} == {jar.name for jar in locked_jars()}


def test_only_missing_and_damaged_jars_are_fetched_again_and_strays_go(
    folder: Path, repository: Repository
) -> None:
    shutil.copytree(REAL_FOLDER, folder)
    missing, damaged, *_ = locked_jars()
    (folder / missing.name).unlink()
    (folder / damaged.name).write_bytes(b"not a jar")
    (folder / "stray-1.0.jar").write_bytes(b"")
    assert fetch_jars() == 2
    assert repository.requests == 2
    assert complete(folder)
    assert not (folder / "stray-1.0.jar").exists()


def test_a_download_that_breaks_off_is_tried_again(folder: Path, repository: Repository) -> None:
    shutil.copytree(REAL_FOLDER, folder)
    (folder / locked_jars()[0].name).unlink()
    repository.failures = 3
    assert fetch_jars() == 1
    assert repository.requests == 4
    assert complete(folder)


def test_a_jar_that_is_never_the_locked_one_is_refused_and_not_kept(
    folder: Path, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REAL_FOLDER, folder)
    jar = locked_jars()[0]
    (folder / jar.name).unlink()
    repository.failures = 1000
    with pytest.raises(JarFetchError, match=f"{jar.coordinate} has another checksum"):
        fetch_jars()
    assert repository.requests == 5
    assert not (folder / jar.name).exists()
    assert fetch.main() == 1
    assert jar.coordinate in capsys.readouterr().err
