"""What the database knows about halts, letters, parked events and drift, as numbers to show."""

from dataclasses import dataclass, field

from loyalty_worker.database.sqlstates import faults
from loyalty_worker.database.types import Pool


@dataclass(frozen=True, slots=True)
class StoredState:
    """Open halts as (topic, reason), and numbers by gauge and label.

    Times are in seconds since 1970. A gauge without rows is missing.
    """

    halts: frozenset[tuple[str, str]] = frozenset()
    gauges: dict[str, dict[str, float]] = field(default_factory=dict)

    def by_label(self, gauge: str) -> dict[str, float]:
        """Return a gauge's values by its label."""
        return self.gauges.get(gauge, {})

    def single(self, gauge: str) -> float:
        """Return the value of a gauge without a label; 0 where there is none."""
        return self.by_label(gauge).get("", 0.0)


async def read_stored_state(pool: "Pool", acquire_timeout: float) -> StoredState:
    """Return the state now; raises `Fault`."""
    with faults():
        async with pool.acquire(timeout=acquire_timeout) as connection:
            rows = await connection.fetch("SELECT * FROM operational_gauges()")
    halts = {(row["label"], row["reason"]) for row in rows if row["gauge"] == "consumer_halted"}
    gauges: dict[str, dict[str, float]] = {}
    for row in rows:
        gauges.setdefault(row["gauge"], {})[row["label"]] = row["value"]
    return StoredState(frozenset(halts), gauges)
