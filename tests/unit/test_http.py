import aiohttp
import pytest
from aiohttp import ClientSession

from loyalty_worker.telemetry.errors import ListenError
from loyalty_worker.telemetry.health import ProbeReport
from loyalty_worker.telemetry.http import HttpPages, serve_http


def _pages(*, live: bool = True, ready: bool = True) -> HttpPages:
    return HttpPages(
        metrics=lambda: b"loyalty_ready 1.0\n",
        live=lambda: ProbeReport(live, () if live else ("poll: no progress for 200 s",)),
        ready=lambda: ProbeReport(ready, () if ready else ("start: joining",)),
        asyncapi=lambda: '{"asyncapi": "3.0.0"}',
    )


async def test_metrics_are_served_as_prometheus_text() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port, ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{port}/metrics")

        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert await response.text() == "loyalty_ready 1.0\n"


async def test_probes_say_why_they_are_false() -> None:
    pages = _pages(live=False, ready=False)
    async with serve_http("127.0.0.1", 0, pages) as port, ClientSession() as session:
        live = await session.get(f"http://127.0.0.1:{port}/livez")
        ready = await session.get(f"http://127.0.0.1:{port}/readyz")

        assert live.status == 503
        assert await live.json() == {"ok": False, "reasons": ["poll: no progress for 200 s"]}
        assert ready.status == 503
        assert (await ready.json())["reasons"] == ["start: joining"]


async def test_probes_that_are_true_answer_200() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port, ClientSession() as session:
        for path in ("livez", "readyz"):
            response = await session.get(f"http://127.0.0.1:{port}/{path}")
            assert response.status == 200
            assert await response.json() == {"ok": True, "reasons": []}


async def test_the_asyncapi_document_is_served_as_json() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port, ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{port}/asyncapi.json")

        assert await response.json() == {"asyncapi": "3.0.0"}


@pytest.mark.parametrize("path", ["metrics", "livez", "readyz", "asyncapi.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_sent_to_it(method: str, path: str) -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port, ClientSession() as session:
        response = await session.request(method, f"http://127.0.0.1:{port}/{path}")

        assert response.status == 405


async def test_there_is_nothing_else() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port, ClientSession() as session:
        for path in ("", "asyncapi", "asyncapi/try", "docs"):
            assert (await session.get(f"http://127.0.0.1:{port}/{path}")).status == 404


async def test_a_page_that_fails_shows_nothing_of_why() -> None:
    def fail() -> bytes:
        raise ValueError("canary")

    pages = HttpPages(fail, _pages().live, _pages().ready, _pages().asyncapi)
    async with serve_http("127.0.0.1", 0, pages) as port, ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{port}/metrics")

        assert response.status == 500
        assert "canary" not in await response.text()


async def test_it_stops_listening_at_the_end() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port:
        pass

    async with ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/livez")


async def test_an_address_in_use_is_told_with_the_settings_to_change() -> None:
    async with serve_http("127.0.0.1", 0, _pages()) as port:
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}.*LOYALTY_HTTP_PORT"):
            async with serve_http("127.0.0.1", port, _pages()):
                pass
