"""`loyalty demo` as a stranger runs it, in whatever way it ends."""

import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from command import loyalty
from loyalty_worker.demo.stage import Stage
from loyalty_worker.demo.worker import DemoWorker
from loyalty_worker.embedded.addresses import HOST
from loyalty_worker.embedded.keeper import GRACE_SECONDS
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.logs import EmbeddedServerError

COMMAND = [sys.executable, "-m", "loyalty_worker", "demo", "--slips", "600", "--plain"]
EQUATION = re.compile(
    r"✓ ([a-z-]+): published ([\d,]+) = accrued ([\d,]+) \+ duplicate ([\d,]+)"
    r" \+ skipped ([\d,]+) \+ parked ([\d,]+) \+ dead-lettered ([\d,]+)"
)
WAITED = re.compile(
    r"✓ promotion: came before their slip was posted and waited ([\d,]+) = accrued ([\d,]+) .*"
    r"; still waiting 0"
)


class Mark:
    """Marks a demonstration and all that it starts, by a variable of the environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._value = uuid.uuid4().hex

    @property
    def environment(self) -> dict[str, str]:
        return {
            **psutil.Process().environ(),
            "DEMO_TEST": self._value,
            "TMPDIR": str(self.directory),
        }

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_on(process)]

    def _is_on(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("DEMO_TEST") == self._value
        except psutil.Error:
            return False

    def wait_until_nothing_is_left(self) -> None:
        deadline = time.monotonic() + 4 * GRACE_SECONDS
        while left := [*self.processes(), *self.directory.iterdir()]:
            assert time.monotonic() < deadline, left
            time.sleep(0.1)


@pytest.fixture
def mark(directory: Path) -> Mark:
    return Mark(directory)


@contextmanager
def started(mark: Mark) -> Iterator["subprocess.Popen[str]"]:
    # Were these tests a shell's background job, the demonstration would inherit that it ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        COMMAND,
        env=mark.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        try:
            yield demo
        finally:
            demo.kill()
            signal.signal(signal.SIGINT, before)


def read_until(demo: "subprocess.Popen[str]", words: str) -> str:
    assert demo.stdout is not None
    text = ""
    for line in demo.stdout:
        text += line
        if words in line:
            return text
    raise AssertionError(f"it ended before {words!r}: {text}")


def test_a_demonstration_ends_by_itself_with_a_reckoning_that_holds_and_leaves_nothing(
    mark: Mark,
) -> None:
    run = subprocess.run(
        COMMAND, env=mark.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    counts = {
        topic: [int(number.replace(",", "")) for number in numbers]
        for topic, *numbers in EQUATION.findall(run.stdout)
    }
    for published, *outcomes in counts.values():
        assert published == sum(outcomes)
    published, accrued, duplicate, skipped, parked, dead_lettered = counts["rating-slip-closed"]
    assert published > 600
    assert min(accrued, duplicate, skipped, dead_lettered) > 0 == parked
    waited = WAITED.search(run.stdout)
    assert waited is not None, run.stdout
    assert 0 < int(waited[2]) <= int(waited[1]) == counts["promotion"][4]
    assert "was killed by SIGKILL" in run.stdout
    assert "✓ drift 0\n" in run.stdout
    assert "✓ drift check published by the worker: clean" in run.stdout
    assert "✗" not in run.stdout
    assert "\x1b" not in run.stdout
    assert run.stdout.splitlines()[-1].startswith("The reckoning holds")
    mark.wait_until_nothing_is_left()


@pytest.mark.parametrize(
    ("number", "moment", "status"),
    [
        (signal.SIGINT, "PostgreSQL", 130),
        (signal.SIGINT, "starts in its place", 130),
        (signal.SIGKILL, "starts in its place", -signal.SIGKILL),
    ],
)
def test_whatever_ends_a_demonstration_ends_all_that_it_started(
    mark: Mark, number: signal.Signals, moment: str, status: int
) -> None:
    with started(mark) as demo:
        said = read_until(demo, moment)
        assert len(mark.processes()) > 1
        assert list(mark.directory.iterdir())
        demo.send_signal(number)
        rest, _ = demo.communicate(timeout=60)
        assert demo.returncode == status, said + rest
    assert "Traceback" not in rest
    mark.wait_until_nothing_is_left()


async def test_a_part_that_cannot_start_is_exit_status_4_and_says_what_to_do(
    directory: Path,
) -> None:
    run = await loyalty("demo", EMBEDDED_CACHE=str(directory))
    assert run.returncode == 4
    assert "jars of Apache Kafka" in run.stderr
    assert "make setup" in run.stderr
    assert "Traceback" not in run.stderr


async def test_a_worker_that_ends_by_itself_is_told_with_the_end_of_its_log(
    directory: Path,
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    urls = DatabaseUrls(*[nowhere] * len(fields(DatabaseUrls)))
    worker = DemoWorker(Stage(directory, f"{HOST}:1", urls), directory / "worker.log")
    with socket.create_server((HOST, urlsplit(worker.url).port or 0)):
        worker.start()
        with pytest.raises(EmbeddedServerError, match="ended by itself") as raised:
            await worker.until_ready()
    assert "in use" in str(raised.value)
