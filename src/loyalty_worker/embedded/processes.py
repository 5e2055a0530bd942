"""Child processes and directories that do not outlive this process, however it ends."""

import atexit
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

import psutil

_Text = TypeVar("_Text", str, bytes)

_KEEPER_END_SECONDS = 30.0

# The child waits for a line before it becomes the program: were this process killed between
# starting a child and telling the keeper, the child would read end-of-file and go.
_GATE = 'read -r _ && exec "$0" "$@" </dev/null'


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group ids that a program runs as instead of this process's own."""

    user: int
    group: int


def _opened(pipe: IO[_Text] | None) -> IO[_Text]:
    """Tell the type checker what `stdin=PIPE` says."""
    if pipe is None:
        raise TypeError("the process was started without a pipe")
    return pipe


class _Keeper:
    """The end of the pipe to this process's keeper."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loyalty_worker.embedded.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        self._pipe = _opened(self._process.stdin)
        atexit.register(self._close)

    def tell(self, message: Mapping[str, str | int | float]) -> None:
        self._pipe.write(json.dumps(message) + "\n")
        self._pipe.flush()

    def _close(self) -> None:
        self._pipe.close()
        self._process.wait(_KEEPER_END_SECONDS)


@cache
def _keeper() -> _Keeper:
    return _Keeper()


def start_process(
    command: Sequence[str | Path],
    *,
    end_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    output: int | IO[bytes] | None = None,
    errors: int | IO[bytes] | None = None,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that ends with this process at the latest, by `end_signal`, then SIGKILL.

    It has no standard input and a session of its own, so that Ctrl-C in a terminal reaches only
    this process, which then ends its children in the right order. A program that cannot be
    executed exits with 126 or 127 and says why on its standard error.
    """
    child = subprocess.Popen(  # noqa: S603 - the caller's own program
        ["/bin/sh", "-c", _GATE, *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        cwd=directory,
        env=environment,
        start_new_session=True,
        user=None if account is None else account.user,
        group=None if account is None else account.group,
        extra_groups=None if account is None else [],
    )
    created = psutil.Process(child.pid).create_time()
    _keeper().tell({"process": child.pid, "created": created, "signal": int(end_signal)})
    with suppress(BrokenPipeError), _opened(child.stdin) as gate:
        gate.write(b"\n")
    return child


def end_process(child: subprocess.Popen[bytes], number: int, timeout: float) -> int:
    """Signal a child and wait for its end; return its exit status.

    Where it has not ended after `timeout` seconds it and its descendants are killed, and
    `subprocess.TimeoutExpired` is raised: a program that does not stop is a finding.
    """
    child.send_signal(number)
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        kill_family(child)
        raise


def kill_family(child: subprocess.Popen[bytes]) -> None:
    """Kill a child by SIGKILL and return once it and all its descendants are gone.

    Descendants get the time to notice by themselves, as they would after a crash, and are then
    killed too.
    """
    descendants = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.wait()
    _, alive = psutil.wait_procs(descendants, timeout=10)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=10)


def kept_directory(prefix: str, within: Path | None = None) -> Path:
    """Make a directory that is removed when this process has ended, however it ends.

    It is made in the folder `within`, or where the system keeps its temporary files.
    Other accounts may pass through it, but not list it: PostgreSQL refuses to run as root, and its
    data then belong to somebody else.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    _keeper().tell({"directory": str(path)})
    path.chmod(0o711)
    return path


@contextmanager
def temporary_directory(prefix: str = "loyalty-", within: Path | None = None) -> Iterator[Path]:
    """Give such a directory for a while; it is removed at the end of the block."""
    path = kept_directory(prefix, within)
    try:
        yield path
    finally:
        shutil.rmtree(path)
