"""Progress on stderr: a line now and then, for commands that may take long."""

import time

from loyalty_worker.cli.output import say


class Progress:
    """Says a line where it said none for some seconds; others are dropped."""

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._said_at = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say this, if it is time."""
        now = time.monotonic()
        if now - self._said_at >= self._seconds:
            self._said_at = now
            say(text)
