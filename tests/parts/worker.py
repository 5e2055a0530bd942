"""A worker as a process of its own, as an operator runs it: to be asked, stopped and killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.embedded.processes import start_process

_START_SECONDS = 30.0
_STOP_SECONDS = 60.0


class WorkerProcess:
    """One `loyalty run`; its log lines are kept in a file of its own.

    `only` are its parts; by default those whose topics the environment names, and the sweeper.
    """

    program = ("-m", "loyalty_worker")

    def __init__(self, environment: Mapping[str, str], log: Path, only: str | None = None) -> None:
        self._environment = environment
        promotion = "promotion," if "LOYALTY_TOPIC_PROMOTION" in environment else ""
        self._only = only or f"accrual,{promotion}sweeper"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._http = ""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running.pid

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the worker was not started")
        return self._process

    async def start(self) -> None:
        """Start it, and return once it serves its probes."""
        seen = len(self._lines())
        with self._log.open("ab") as log:
            self._process = start_process(
                [sys.executable, *self.program, "run", "--only", self._only],
                environment={**os.environ, **self._environment},
                output=log,
                errors=log,
            )
        async with asyncio.timeout(_START_SECONDS):
            while not self._find_http(seen):
                if not self.running:
                    raise RuntimeError(f"the worker ended: {self.tail()}")
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        self._running.kill()
        await self.wait()

    async def terminate(self) -> int:
        """End it with SIGTERM; return its exit status."""
        if self.running:
            self._running.send_signal(signal.SIGTERM)
        return await self.wait()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process is not None and self._process.poll() is None

    async def wait(self) -> int:
        """Wait until it has ended; return its exit status."""
        return await asyncio.to_thread(self._running.wait, _STOP_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running.send_signal(number)

    async def probe(self, path: str) -> tuple[int, str]:
        """Return status and text of a page, such as `/readyz`."""
        async with aiohttp.ClientSession() as session, session.get(self._http + path) as response:
            return response.status, await response.text()

    async def until_ready(self, seconds: float = 60.0, *, ready: bool = True) -> None:
        """Wait until `/readyz` says so."""
        text = ""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    status, text = await self.probe("/readyz")
                    if (status == 200) is ready:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"/readyz did not turn {ready}: {text}\n{self.tail()}") from None

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        _, text = await self.probe("/metrics")
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.partition("{")[0].partition(" ")[0] == name
            and all(label in line for label in wanted)
        )

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of this event, of all its runs."""
        return [line for line in self._parsed() if line.get("event") == name]

    def tail(self) -> str:
        """Return the end of the log, for a failing test's reader."""
        return "\n".join(self._lines()[-25:])

    def text(self) -> str:
        """Return the whole log."""
        return "\n".join(self._lines())

    def _find_http(self, seen: int) -> bool:
        for line in list(self._parsed())[seen:]:
            if line.get("event") == "worker_started":
                self._http = line["http"]
                return True
        return False

    def _parsed(self) -> Iterator[dict[str, Any]]:
        for line in self._lines():
            try:
                parsed = json.loads(line)
            except ValueError:
                parsed = {}
            yield parsed if isinstance(parsed, dict) else {}

    def _lines(self) -> list[str]:
        if not self._log.exists():
            return []
        return self._log.read_text(encoding="utf-8", errors="replace").splitlines()


def worker_environment(
    database: DatabaseUrls, kafka: str, topic: str, **more: str
) -> dict[str, str]:
    """Return the settings of a worker on these parts; its group is named after the topic."""
    return {
        "LOYALTY_DATABASE_URL": database.worker,
        "LOYALTY_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "LOYALTY_TOPIC_RATING_SLIP_CLOSED": topic,
        "LOYALTY_KAFKA_GROUP_PREFIX": topic,
        "LOYALTY_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "LOYALTY_KAFKA_HEARTBEAT_INTERVAL_MS": "1000",
        "LOYALTY_HTTP_PORT": "0",
        "LOYALTY_RETRY_BACKOFF_MAX_MS": "1000",
        **more,
    }


@asynccontextmanager
async def running_worker(
    environment: Mapping[str, str],
    directory: Path,
    name: str = "worker",
    only: str | None = None,
) -> AsyncIterator[WorkerProcess]:
    """Run a worker within the context; ends it by its id, whatever happened."""
    worker = WorkerProcess(environment, directory / f"{name}.log", only)
    await worker.start()
    try:
        yield worker
    finally:
        if worker.running:
            await worker.kill()
