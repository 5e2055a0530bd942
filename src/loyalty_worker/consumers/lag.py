"""Samples how far the group is behind, from outside the busy consumer."""

import asyncio
import time

from loyalty_worker.consumers.group_report import GroupReport
from loyalty_worker.consumers.inspector import LogInspector
from loyalty_worker.domain.records import PartitionId
from loyalty_worker.ports import Fault


class LagSampler:
    """Measures lag of the assigned partitions every `interval` seconds.

    It also tells whether the broker can be reached at all: a consumer's own fetches fail without
    a word, and readiness must not depend on traffic.
    """

    def __init__(self, inspector: LogInspector, report: GroupReport, interval: float) -> None:
        self._inspector = inspector
        self._report = report
        self._interval = interval
        self._lag_since: dict[PartitionId, tuple[int, float]] = {}

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            try:
                await self._sample(dict(self._report.committed))
            except Fault:
                self._report.kafka_unreachable()
            else:
                self._report.kafka_reachable()
            await asyncio.sleep(self._interval)

    async def _sample(self, committed: dict[PartitionId, int]) -> None:
        # A spare member watches one partition all the same, to know whether Kafka answers.
        ends = await self._inspector.ends(committed or {PartitionId(self._report.topic, 0)})
        for at, offset in committed.items():
            lag = max(0, ends[at] - offset)
            self._report.lag(at, ends[at], lag, await self._age(at, offset) if lag else 0.0)

    async def _age(self, at: PartitionId, offset: int) -> float:
        """Return the age in seconds of the oldest uncommitted record, by the broker's clock.

        A record without a timestamp, or one that cannot be read, is as old as its lag is known.
        """
        now = time.time()
        known = self._lag_since.get(at)
        if known is None or known[0] != offset:
            known = self._lag_since[at] = (offset, now)
        oldest = await self._inspector.first_record_from(at, offset)
        timestamp_ms = -1 if oldest is None else oldest.timestamp_ms
        return max(0.0, now - (known[1] if timestamp_ms < 0 else timestamp_ms / 1000))
