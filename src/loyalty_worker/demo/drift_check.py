"""The drift check of an evening, asked for and answered over Kafka, as anybody would."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from loyalty_worker.demo.stage import DRIFT_ALERTS, DRIFT_REQUESTS
from loyalty_worker.domain.events import EventIdentity
from loyalty_worker.ports import OutgoingRecord
from loyalty_worker.publishing.drift_request import HEADERS, KEY, drift_request
from loyalty_worker.publishing.producer import KafkaPublisher

_COMPLETED: Final = "loyalty.drift-check.completed.v1"
_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class CheckedBalances:
    """What the worker published of its check."""

    verdict: str
    players_checked: int
    entries_checked: int


async def ask_for_drift_check(bootstrap_servers: str) -> CheckedBalances | None:
    """Ask for a check, and return what comes of it; None where nothing comes in time.

    Raises `Fault` where the broker does not take the request.
    """
    publisher = KafkaPublisher({"bootstrap_servers": [bootstrap_servers]})
    value = drift_request(
        EventIdentity("/loyalty-worker/demo", str(uuid4())), datetime.now(UTC), None, "demo"
    )
    try:
        await publisher.publish([OutgoingRecord(0, DRIFT_REQUESTS, None, KEY, value, HEADERS)])
    finally:
        await publisher.close()
    consumer = AIOKafkaConsumer(
        DRIFT_ALERTS, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest"
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), consumer:
            async for record in consumer:
                event = json.loads(record.value)
                if event["type"] == _COMPLETED:
                    data = event["data"]
                    return CheckedBalances(
                        data["verdict"], data["players_checked"], data["entries_checked"]
                    )
    except TimeoutError:
        pass  # the reckoning says that nothing came
    return None
