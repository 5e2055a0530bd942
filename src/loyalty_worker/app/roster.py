"""Which duties a process has, by its parts, and what they publish with."""

import os
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import asyncpg

from loyalty_worker.app.drift import alert_relay, scheduler
from loyalty_worker.app.duties import Duty
from loyalty_worker.app.keeping import relay, sweeper
from loyalty_worker.app.parts import Part
from loyalty_worker.ports import Ledger
from loyalty_worker.publishing.producer import KafkaPublisher
from loyalty_worker.settings import Settings
from loyalty_worker.settings.kafka import kafka_client_options
from loyalty_worker.telemetry.metrics import Metrics

HOLDER: Final = f"{socket.gethostname()}:{os.getpid()}:{uuid4()}"
"""This process's name on its leases and ticks: for people to find it by, and unique."""


@asynccontextmanager
async def duties_of(
    parts: Collection[Part],
    settings: Settings,
    pool: asyncpg.Pool,
    ledger: Ledger,
    metrics: Metrics,
) -> AsyncIterator[list[Duty]]:
    """Give the duties of these parts; what they publish with is closed at the end."""
    # each outbox has its own: what holds up one does not hold up the other
    letters, alerts = (KafkaPublisher(kafka_client_options(settings)) for _ in range(2))
    duties: list[Duty] = []
    if Part.SWEEPER in parts:
        duties.append(sweeper(settings, pool, ledger, metrics))
    if Part.RELAY in parts:
        duties += [relay(settings, pool, letters), alert_relay(settings, pool, alerts)]
    if Part.SCHEDULER in parts:
        duties.append(scheduler(settings, pool, HOLDER))
    try:
        yield duties
    finally:
        await letters.close()
        await alerts.close()
