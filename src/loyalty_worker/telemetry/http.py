"""The worker's HTTP side: metrics, two probes, and the AsyncAPI document; it can only be read."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from loyalty_worker.telemetry.errors import ListenError
from loyalty_worker.telemetry.health import ProbeReport


@dataclass(frozen=True, slots=True)
class HttpPages:
    """What the server shows. Each is called for each request and must not block."""

    metrics: Callable[[], bytes]
    live: Callable[[], ProbeReport]
    ready: Callable[[], ProbeReport]
    asyncapi: Callable[[], str]


@asynccontextmanager
async def serve_http(host: str, port: int, pages: HttpPages) -> AsyncIterator[int]:
    """Serve `pages` within the context; yields the port, which differs from `port` if that is 0.

    Raises `ListenError`.
    """
    runner = web.AppRunner(_application(pages), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ListenError(
                f"cannot listen on {host}:{port} ({_cause(error)}); "
                "set LOYALTY_HTTP_HOST and LOYALTY_HTTP_PORT to a free address"
            ) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _cause(error: OSError) -> str:
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)


def _application(pages: HttpPages) -> web.Application:
    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(
            body=pages.metrics(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )

    async def livez(_request: web.Request) -> web.Response:
        return _probe(pages.live())

    async def readyz(_request: web.Request) -> web.Response:
        return _probe(pages.ready())

    async def asyncapi(_request: web.Request) -> web.Response:
        return web.Response(text=pages.asyncapi(), content_type="application/json")

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/livez", livez)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/asyncapi.json", asyncapi)
    return application


def _probe(report: ProbeReport) -> web.Response:
    return web.json_response(asdict(report), status=200 if report.ok else 503)
