"""What memory a check takes: of this process, and of the server's process that does the work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

from benchmarks.checking import FULL_LOAD, worker_checks
from benchmarks.measures import Figure, Series
from loyalty_worker.embedded.logins import DatabaseUrls

_SAMPLE_SECONDS = 0.01
_MIB = 2**20


@dataclass
class Usage:
    """Memory that one process alone holds (USS: without shared buffers), in MiB."""

    process: psutil.Process
    before: float = field(init=False)
    peak: float = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.peak = self.now()

    def now(self) -> float:
        """Return what it holds now."""
        used: int = self.process.memory_full_info().uss
        return used / _MIB

    def sample(self) -> None:
        """Keep what it holds now, where that is more than before."""
        self.peak = max(self.peak, self.now())


async def measure_memory(database: DatabaseUrls) -> list[Figure]:
    """Check in chunks and, on a server process of its own, in one statement."""
    unit = "MiB at most"
    async with worker_checks(database) as checks:
        ours, servers = Usage(psutil.Process()), Usage(psutil.Process(await checks.backend()))
        async with _sampled(ours, servers):
            await checks.run(FULL_LOAD)
    async with worker_checks(database) as checks:
        naive = Usage(psutil.Process(await checks.backend()))
        async with _sampled(naive):
            await checks.in_one_statement()
    return [
        Figure("worker's process, added by the check", unit, Series((ours.peak - ours.before,))),
        Figure("worker's process, in all", unit, Series((ours.peak,))),
        Figure("PostgreSQL's process, added by the check", unit, _added(servers)),
        Figure("PostgreSQL's process, in all", unit, Series((servers.peak,))),
        Figure("the same, added by one statement", unit, _added(naive)),
    ]


def _added(usage: Usage) -> Series:
    return Series((usage.peak - usage.before,))


@asynccontextmanager
async def _sampled(*usages: Usage) -> AsyncIterator[None]:
    """Look at the processes every now and then."""

    async def sample() -> None:
        while True:
            for usage in usages:
                usage.sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
