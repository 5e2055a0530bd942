import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from loyalty_worker.embedded.keeper import GRACE_SECONDS
from loyalty_worker.embedded.processes import end_process, start_process, temporary_directory

# Each prints the ids of its children and its directory, and then waits to be killed.
SERVERS = """
import time
from loyalty_worker.embedded.kafka import EmbeddedKafka
from loyalty_worker.embedded.postgres import EmbeddedPostgres
from loyalty_worker.embedded.processes import temporary_directory
import psutil
with temporary_directory() as directory:
    (directory / "kafka").mkdir()
    with EmbeddedKafka(directory / "kafka") as kafka, EmbeddedPostgres(directory) as postgres:
        kafka.pause()
        family = psutil.Process().children(recursive=True)
        print(directory, *(process.pid for process in family), flush=True)
        time.sleep(600)
"""
DEAF = """
import signal, sys, time
from loyalty_worker.embedded.processes import start_process, temporary_directory
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
with temporary_directory() as directory:
    child = start_process([sys.executable, "-c", code])
    print(directory, child.pid, flush=True)
    time.sleep(600)
"""


def kill_when_ready(program: str) -> tuple[Path, list[psutil.Process]]:
    """Run a program until it has told what it started, kill it hard, return what it told."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        directory, *ids = parent.stdout.readline().decode().split()
        started = [psutil.Process(int(number)) for number in ids]
        parent.kill()
    return Path(directory), started


def has_ended(process: psutil.Process) -> bool:
    """A zombie has ended too: its new parent has not looked yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(directory: Path, started: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 4 * GRACE_SECONDS
    while directory.exists() or not all(map(has_ended, started)):
        assert time.monotonic() < deadline, [process for process in started if process.is_running()]
        time.sleep(0.1)


def test_servers_end_and_their_directory_goes_when_their_parent_is_killed_hard() -> None:
    directory, started = kill_when_ready(SERVERS)
    names = {process.name() for process in started if process.is_running()}
    assert len(started) >= 4, names
    wait_until_gone(directory, started)


def test_a_program_that_ignores_sigterm_is_killed_after_its_parent_was() -> None:
    directory, started = kill_when_ready(DEAF)
    assert len(started) == 1
    wait_until_gone(directory, started)


def test_a_process_id_that_belongs_to_another_process_by_now_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        message = f'{{"process": {stranger.pid}, "created": 1.0, "signal": {int(signal.SIGKILL)}}}'
        subprocess.run(
            [sys.executable, "-m", "loyalty_worker.embedded.keeper"],
            input=message,
            text=True,
            check=True,
        )
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_a_child_gets_no_signal_that_a_terminal_sends_to_its_parent() -> None:
    child = start_process([sys.executable, "-c", "import time; time.sleep(600)"])
    assert os.getpgid(child.pid) != os.getpgid(0)
    assert end_process(child, signal.SIGTERM, 30) == -signal.SIGTERM


def test_a_child_that_does_not_stop_in_time_is_killed_and_reported() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    child = start_process(
        [sys.executable, "-c", f"{code} print(flush=True); time.sleep(600)"],
        output=subprocess.PIPE,
    )
    assert child.stdout is not None
    with child.stdout as output:
        output.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            end_process(child, signal.SIGTERM, 0.2)
    assert child.returncode == -signal.SIGKILL


def test_a_temporary_directory_is_removed_with_what_it_holds() -> None:
    with temporary_directory() as path:
        (path / "file").write_text("content", encoding="utf-8")
    assert not path.exists()
