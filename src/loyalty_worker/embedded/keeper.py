"""The keeper: a process that ends what its parent started, once the parent is gone.

It runs in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it, and reads
one JSON document a line from its standard input, the read end of a pipe of its parent. However the
parent ends, SIGKILL included, the kernel closes the pipe: then everything named on it is ended,
and its directories are removed.

    {"process": 4711, "created": 1700000000.25, "signal": 15}
    {"directory": "/a/path"}
"""

import json
import shutil
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

GRACE_SECONDS = 8.0


@dataclass(slots=True)
class _Kept:
    processes: list[tuple[psutil.Process, int]] = field(default_factory=list)
    directories: list[Path] = field(default_factory=list)


def _identify(process_id: int, created: float) -> psutil.Process | None:
    """Return the process, or None where it is gone or its id belongs to another one by now."""
    try:
        process = psutil.Process(process_id)
        return process if process.create_time() == created else None
    except psutil.NoSuchProcess:
        return None


def _read(lines: Iterable[str]) -> _Kept:
    kept = _Kept()
    for line in lines:
        message = json.loads(line)
        if "directory" in message:
            kept.directories.append(Path(message["directory"]))
        elif process := _identify(message["process"], message["created"]):
            kept.processes.append((process, message["signal"]))
    return kept


def _send(process: psutil.Process, number: int) -> list[psutil.Process]:
    """Signal a process and wake it if it is stopped; return it with all its descendants.

    psutil compares creation times before it signals: a reused id is left alone.
    """
    try:
        family = [process, *process.children(recursive=True)]
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return []
    return family


def _end(processes: Iterable[tuple[psutil.Process, int]]) -> None:
    families = [member for process, number in processes for member in _send(process, number)]
    _, alive = psutil.wait_procs(families, timeout=GRACE_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)


def main() -> None:
    """Wait for the parent's end, then end and remove what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kept = _read(sys.stdin)
    _end(kept.processes)
    for directory in kept.directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
