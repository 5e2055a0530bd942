"""A TCP proxy between a worker and a service: it cuts, delays, freezes, and swallows answers.

It runs on a loop and a thread of its own, and changes no byte.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from loyalty_worker.embedded.addresses import HOST, free_port

Result = TypeVar("Result")
_CHUNK = 65_536
_TIMEOUT_SECONDS = 10.0
# A request reaches the service in this time; only then its answer is cut off.
_ARRIVAL_SECONDS = 0.05


class TcpProxy:
    """Passes connections on `port` to a service on loopback; lives as long as the context.

    Its methods may be called from any thread, and return once they have taken effect.
    """

    def __init__(self, target: int, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.swallowed = 0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._refusing = False
        self._delay = 0.0
        self._marker: bytes | None = None

    def cut(self) -> None:
        """End every connection; new ones are accepted."""
        self._run(self._end_all())

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """End every connection, and each new one at once, within the context."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Pass nothing on within the context; connections stay."""
        self._run(self._set_flowing(flowing=False))
        try:
            yield
        finally:
            self._run(self._set_flowing(flowing=True))

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        """Hold every piece back for so long, in both directions, within the context."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextmanager
    def swallowing(self, marker: bytes) -> Iterator[None]:
        """Within the context, pass on a request that holds these bytes, and cut off its answer."""
        self.swallowed, self._marker = 0, marker
        try:
            yield
        finally:
            self._marker = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_TIMEOUT_SECONDS)

    async def _listen(self) -> asyncio.Server:
        self._flowing.set()
        return await asyncio.start_server(self._accept, HOST, self.port)

    async def _close(self) -> None:
        self._server.close()
        await self._end_all()
        await asyncio.sleep(0)  # aborted transports close in the next round

    async def _set_flowing(self, *, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _end_all(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            if self._refusing:
                return
            with contextlib.suppress(OSError):
                answers, service = await asyncio.open_connection(HOST, self._target)
                writers.append(service)
                await self._pass(reader, service, answers, writer)
        finally:
            for each in writers:
                each.transport.abort()

    async def _pass(
        self,
        requests: asyncio.StreamReader,
        service: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        client: asyncio.StreamWriter,
    ) -> None:
        """Pass on until one side has ended, or an answer was swallowed."""
        muted = asyncio.Event()
        ways = {
            asyncio.create_task(self._ask(requests, service, muted)),
            asyncio.create_task(self._answer(answers, client, muted)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _ask(
        self, requests: asyncio.StreamReader, service: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while chunk := await requests.read(_CHUNK):
            if self._marker is not None and self._marker in chunk:
                muted.set()
                await self._write(service, chunk)
                await asyncio.sleep(_ARRIVAL_SECONDS)
                self.swallowed += 1
                return
            await self._write(service, chunk)

    async def _answer(
        self, answers: asyncio.StreamReader, client: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while chunk := await answers.read(_CHUNK):
            if not muted.is_set():
                await self._write(client, chunk)

    async def _write(self, sink: asyncio.StreamWriter, chunk: bytes) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)
        await self._flowing.wait()
        sink.write(chunk)
        await sink.drain()
