"""The log files of embedded servers: waiting for a line, and the tail that explains a failure."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_TAIL_LINES = 25
_POLL_SECONDS = 0.05


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be had or did not come up; the text says why and what to do."""


def log_tail(log: Path) -> str:
    """Return the last lines of a log, indented; a short note where there is none."""
    if not log.exists():
        return "    (no log was written)"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])


def wait_until_up(
    name: str,
    child: subprocess.Popen[bytes],
    is_up: Callable[[], bool],
    log: Path,
    timeout: float,
) -> None:
    """Return once `is_up()`; raise `EmbeddedServerError` when the child ends or `timeout` passes.

    `timeout` is in seconds. The error holds the end of the log.
    """
    deadline = time.monotonic() + timeout
    while not is_up():
        if child.poll() is not None:
            reason = f"ended with status {child.returncode} before it was up"
        elif time.monotonic() > deadline:
            reason = f"was not up after {timeout:.0f} s"
        else:
            time.sleep(_POLL_SECONDS)
            continue
        raise EmbeddedServerError(f"{name} {reason}; the end of {log}:\n{log_tail(log)}")
