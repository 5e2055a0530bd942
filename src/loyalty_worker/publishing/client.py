"""A raw aiokafka producer, from its start to an end that leaves nothing behind.

FastStream cannot send binary header values, and an idempotent producer's sends never time out.
"""

import asyncio
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from loyalty_worker.telemetry.logs import get_logger

_log = get_logger(__name__)
_STEP_SECONDS = 1.0
# The client compares with this before it sends; the broker's own limit is what should decide.
_MAX_REQUEST_BYTES = 64 * 1024 * 1024


async def start_producer(options: Mapping[str, Any]) -> AIOKafkaProducer:
    """Start a producer, whose values are tuples of one; `options` are an aiokafka client's."""
    producer = AIOKafkaProducer(
        **options,
        client_id="loyalty-relay",
        enable_idempotence=True,
        acks="all",
        max_request_size=_MAX_REQUEST_BYTES,
        value_serializer=itemgetter(0),
    )
    try:
        await producer.start()
    except BaseException:
        await end_producer(producer)
        raise
    return producer


async def end_producer(producer: AIOKafkaProducer) -> None:
    """End a producer within two seconds; what it has not sent by then is given up.

    Its own `stop` waits for that without end, and where it is cut off, the producer goes on to
    send in the background, beside the one that takes its place.
    """
    producer._closed = True  # noqa: SLF001 - no public way to give up what hangs
    for close in (producer._sender.close, producer.client.close):  # noqa: SLF001 - the same
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                await close()
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("producer_not_closed", error=type(error).__name__)
