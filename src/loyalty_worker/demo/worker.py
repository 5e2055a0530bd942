"""The worker of a demonstration: `loyalty run` as a process of its own, started, killed, asked."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp

from loyalty_worker.demo.stage import PROMOTIONS, TOPIC, Stage
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logs import EmbeddedServerError, log_tail
from loyalty_worker.embedded.processes import end_process, start_process
from loyalty_worker.settings.loading import FILE_SUFFIX, variable
from loyalty_worker.settings.model import Settings

_POLL_SECONDS: Final = 0.1
_READY_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 20.0
# The shortest that Kafka allows: for so long the group waits for a member that was killed.
SESSION_SECONDS: Final = 6


class WorkerState(StrEnum):
    """What the worker is up to, as its probe tells."""

    STARTING = "starting"
    JOINING = "joining the group"
    READY = "ready"


class DemoWorker:
    """One worker on the stage's parts, in one life after another at the same address.

    The lives write their JSON log lines to `log`.
    """

    def __init__(self, stage: Stage, log: Path) -> None:
        self.log = log
        self.url = f"http://{HOST}:{free_port()}"
        self._environment = _environment(stage, self.url)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the newest life."""
        return self._life.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start a life; it needs some seconds to become ready."""
        with self.log.open("ab") as log:
            self._process = start_process(
                [sys.executable, "-m", "loyalty_worker", "run"],
                environment=self._environment,
                output=log,
                errors=log,
            )

    def kill(self) -> None:
        """End the life by SIGKILL, in whatever it is doing."""
        self._life.kill()
        self._life.wait()

    def stop(self) -> int:
        """End the life by SIGTERM, if there is one; return its exit status."""
        if self.running:
            # one that does not stop is killed, which its status tells
            with suppress(subprocess.TimeoutExpired):
                end_process(self._life, signal.SIGTERM, _STOP_SECONDS)
        return self._life.wait()

    async def state(self) -> WorkerState:
        """Ask `/readyz`; raises `EmbeddedServerError` when the process has ended by itself."""
        if not self.running:
            raise self._failure(f"ended by itself, with status {self._life.returncode}")
        try:
            status, _ = await self._get("/readyz")
        except (aiohttp.ClientError, TimeoutError):
            return WorkerState.STARTING
        return WorkerState.READY if status == HTTPStatus.OK else WorkerState.JOINING

    async def until_ready(self) -> None:
        """Return once the worker is ready; raises `EmbeddedServerError` where it will not be."""
        deadline = time.monotonic() + _READY_SECONDS
        while await self.state() is not WorkerState.READY:
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {_READY_SECONDS:g} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def metrics(self) -> str:
        """Return what `/metrics` shows; nothing where it does not answer."""
        try:
            _, text = await self._get("/metrics")
        except (aiohttp.ClientError, TimeoutError):
            return ""
        return text

    async def _get(self, path: str) -> tuple[int, str]:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self.url + path) as response,
        ):
            return response.status, await response.text()

    def _failure(self, what: str) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"the worker {what}; the end of {self.log}:\n{log_tail(self.log)}"
        )

    @property
    def _life(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the worker was not started")
        return self._process


def _environment(stage: Stage, url: str) -> dict[str, str]:
    """Return the environment of this process, with the stage's settings in place of any others."""
    foreign = {
        variable(field) + suffix for field in Settings.model_fields for suffix in ("", FILE_SUFFIX)
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in foreign and not name.startswith("PG")
    }
    return inherited | {
        "LOYALTY_DATABASE_URL": stage.database.worker,
        "LOYALTY_KAFKA_BOOTSTRAP_SERVERS": stage.bootstrap_servers,
        "LOYALTY_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_SECONDS * 1000),
        "LOYALTY_KAFKA_HEARTBEAT_INTERVAL_MS": "1000",
        "LOYALTY_TOPIC_RATING_SLIP_CLOSED": TOPIC,
        "LOYALTY_TOPIC_PROMOTION": PROMOTIONS,
        "LOYALTY_HTTP_HOST": HOST,
        "LOYALTY_HTTP_PORT": url.rpartition(":")[2],
    }
