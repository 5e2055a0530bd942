"""`loyalty run` and `loyalty healthcheck`."""

import http.client
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loyalty_worker.cli.exits import PROBLEM_FOUND, UNAVAILABLE, USAGE, CommandError
from loyalty_worker.cli.options import JsonOption, worker_url
from loyalty_worker.cli.output import print_json, print_line
from loyalty_worker.settings import load_settings

if TYPE_CHECKING:
    from loyalty_worker import app

_PROBE_TIMEOUT_SECONDS = 3.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def run(
    *,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="PART,…",
            help="Run these parts alone: accrual, promotion, sweeper, drift, relay, scheduler; "
            "all if not given.",
        ),
    ] = None,
) -> None:
    """Consume rating slips and promotions and post them until SIGTERM."""
    settings = load_settings()
    worker_url(settings)
    from loyalty_worker import app  # noqa: PLC0415 - FastStream is slow to import, others need none

    raise typer.Exit(app.run(settings, _parts(only, [*app.Part])))


def _parts(only: str | None, known: "Sequence[app.Part]") -> "list[app.Part]":
    if only is None:
        return list(known)
    wanted = {name.strip() for name in only.split(",")}
    unknown = wanted - {part.value for part in known}
    if unknown:
        names = ", ".join(part.value for part in known)
        raise CommandError(USAGE, f"no part is called {', '.join(sorted(unknown))}; write {names}")
    return [part for part in known if part.value in wanted]


def healthcheck(
    *,
    ready: Annotated[bool, typer.Option("--ready", help="Ask /readyz instead of /livez.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask the worker on this machine how it is; exit 3 when it says no."""
    settings = load_settings()
    host = _ANY_ADDRESS.get(settings.http_host, settings.http_host)
    status, body = _ask(host, settings.http_port, "/readyz" if ready else "/livez")
    report = _report(status, body)
    if as_json:
        print_json(report)
    else:
        print_line("ok" if report["ok"] else "\n".join(report["reasons"]) or "not ok")
    if not report["ok"]:
        raise typer.Exit(PROBLEM_FOUND)


def _ask(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            UNAVAILABLE,
            f"no worker answers at {host}:{port} ({type(error).__name__}); "
            "check that it runs, and LOYALTY_HTTP_HOST and LOYALTY_HTTP_PORT",
        ) from None
    finally:
        connection.close()


def _report(status: int, body: bytes) -> dict[str, list[str]]:
    try:
        report = json.loads(body)
        return {"ok": report["ok"], "reasons": report["reasons"]}
    except (ValueError, KeyError, TypeError):
        raise CommandError(
            UNAVAILABLE,
            f"something else than a worker answers there (HTTP {status});"
            " check LOYALTY_HTTP_HOST and LOYALTY_HTTP_PORT",
        ) from None
