"""How a process is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable

from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
_STATUS_OF_A_SIGNAL = 128


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` at the first SIGTERM or SIGINT; at the second one end the process at once.

    Ending at once loses nothing: what was not committed is read again.
    """
    told = asyncio.Event()

    def handle(number: int) -> None:
        name = signal.Signals(number).name
        if told.is_set():
            _log.warning("second_signal", signal=name)
            os._exit(_STATUS_OF_A_SIGNAL + number)
        told.set()
        _log.info("worker_stops", signal=name)
        stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
