"""Publishes messages at a steady rate, each confirmed by all replicas, in order per key."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from loyalty_worker.demo.messages import Message, Topic
from loyalty_worker.publishing.topics import KafkaUnavailable

_MOST_UNCONFIRMED: Final = 2000
_TIMEOUT_SECONDS: Final = 30.0
_WAY_ON: Final = "check the broker, then run the same command again: repeats do no harm"


async def publish(
    options: Mapping[str, Any],
    topics: Mapping[Topic, str],
    messages: Iterable[Message],
    rate: float | None,
    confirmed: Callable[[Message], None],
) -> None:
    """Publish all messages, at most `rate` a second, and report each once it is confirmed.

    `options` are an aiokafka client's; `topics` names the topics, which must exist. Raises
    `KafkaUnavailable` when the broker confirms nothing for half a minute: whether the messages not
    yet reported are in their topic is then unknown.
    """
    loop = asyncio.get_running_loop()
    async with _producer(options) as producer:
        window = _Window(confirmed)
        started = loop.time()
        try:
            for number, message in enumerate(messages):
                if rate is not None:
                    await asyncio.sleep(max(0.0, started + number / rate - loop.time()))
                await window.wait_for_room()
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    sent = await producer.send(
                        topics[message.topic],
                        message.value,
                        key=message.key,
                        headers=list(message.headers),
                    )
                window.add(message, sent)
            await window.wait_for_all()
        finally:
            window.abandon()


class _Window:
    """The messages that were sent and are not confirmed yet, in the order of sending."""

    def __init__(self, confirmed: Callable[[Message], None]) -> None:
        self._confirmed = confirmed
        self._unconfirmed: deque[tuple[Message, asyncio.Future[Any]]] = deque()

    def add(self, message: Message, sent: asyncio.Future[Any]) -> None:
        self._unconfirmed.append((message, sent))

    async def wait_for_room(self) -> None:
        """Report what is confirmed already; wait only where the window is full."""
        while self._unconfirmed and (
            self._unconfirmed[0][1].done() or len(self._unconfirmed) >= _MOST_UNCONFIRMED
        ):
            await self._confirm_oldest()

    async def wait_for_all(self) -> None:
        while self._unconfirmed:
            await self._confirm_oldest()

    def abandon(self) -> None:
        """Cancel what is left, so that no late failure is reported to nobody."""
        for _, sent in self._unconfirmed:
            sent.cancel()

    async def _confirm_oldest(self) -> None:
        message, sent = self._unconfirmed[0]
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await sent
        self._unconfirmed.popleft()
        self._confirmed(message)


@asynccontextmanager
async def _producer(options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **options,
        client_id="loyalty-simulate",
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        request_timeout_ms=int(_TIMEOUT_SECONDS * 1000),
    )
    place = ",".join(options["bootstrap_servers"])
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await producer.start()
        yield producer
    except TimeoutError:
        raise KafkaUnavailable(
            f"Kafka at {place}: nothing was confirmed within {_TIMEOUT_SECONDS:g} s; {_WAY_ON}"
        ) from None
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(
            f"Kafka at {place}: publishing failed ({type(error).__name__}); {_WAY_ON}"
        ) from None
    finally:
        # Nothing is left to flush, or the broker is silent: then stop() alone would wait for ever.
        await producer._sender.close()  # noqa: SLF001 - aiokafka has no public way to stop unflushed
        await producer.stop()
