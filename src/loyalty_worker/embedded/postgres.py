"""A real PostgreSQL server as a child process, on a loopback TCP port with passwords."""

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logs import EmbeddedServerError, wait_until_up
from loyalty_worker.embedded.postgres_binaries import PostgresBinaries, postgres_binaries
from loyalty_worker.embedded.processes import end_process, kill_family, start_process

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_STATUS_LINE = 7  # of postmaster.pid, counted from 0; `ready` once connections are accepted

StopMode = Literal["fast", "immediate"]


class EmbeddedPostgres:
    """One server on one data directory; port, passwords and data stay over restarts.

    `directory` must be empty or this object's own; other accounts must be able to pass through it
    (see `processes.temporary_directory`). `settings` are names and values as in postgresql.conf;
    `binaries` are the server's programs, `pg_dump` and `psql` among them, those of the package if
    not given. As a context manager it is started on entry and stopped, fast, on exit.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str] | None = None,
        binaries: PostgresBinaries | None = None,
    ) -> None:
        self.port = free_port()
        self.binaries = postgres_binaries() if binaries is None else binaries
        self._directory = directory
        self._settings = dict(settings or {})
        self._password = secrets.token_urlsafe(18)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._directory / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._directory / "postgres.log"

    @property
    def version(self) -> str:
        """The server's version, such as `18.6`."""
        return self.binaries.version()

    @property
    def superuser_url(self) -> str:
        """The superuser's address; see `logins` for those of a deployment."""
        return f"postgresql://postgres:{self._password}@{HOST}:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server, after making its data directory the first time; return when ready.

        Raises `EmbeddedServerError` with the end of its log when it does not come up.
        """
        if self.running:
            raise EmbeddedServerError(f"PostgreSQL on port {self.port} is running already")
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
        } | self._settings
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            self._process = start_process(
                [self.binaries.path("postgres"), "-D", self.data, *options],
                end_signal=_SIGNALS["fast"],
                directory=self.data,
                output=log,
                errors=log,
                account=self.binaries.account,
            )
        wait_until_up("PostgreSQL", self._process, self._is_ready, self.log, _START_SECONDS)
        return self

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server: `fast` ends sessions and writes a checkpoint, `immediate` crashes it."""
        if self._process is not None and self._process.poll() is None:
            end_process(self._process, _SIGNALS[mode], _STOP_SECONDS)

    def kill(self) -> None:
        """Kill the server by SIGKILL; return once all its processes are gone."""
        if self._process is not None and self._process.poll() is None:
            kill_family(self._process)

    def _initialise(self) -> None:
        account = self.binaries.account
        self.data.mkdir(mode=0o700)
        password_file = self._directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="ascii")
        if account is not None:
            for path in (self.data, password_file):
                os.chown(path, account.user, account.group)
        self.binaries.run(
            "initdb",
            *("-D", str(self.data), "--username=postgres", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            directory=self.data,
        )
        password_file.unlink()

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        own = self._process is not None and lines[:1] == [str(self._process.pid)]
        return own and len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, fast."""
        self.stop()
