"""What must hold after every fault: conservation by partition, every entry once, no drift, no lag.

The slips' side is reckoned from the topic itself, the promotions' from what the traffic made.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

from loyalty_worker.embedded.logins import DatabaseUrls
from parts.topics import end_offsets, until_no_lag
from parts.traffic import Traffic
from reckoning import Expected, assert_reckoning, read_topic, reckon
from sqltools import connected, drift_of, value_of

_LAG_SECONDS = 90.0
_KEEPING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What the ledger holds against the topics: records in all, entries missing and too many."""

    records: int
    lost: int
    doubled: int
    drift: int


class Books:
    """The reckoning of one stage; each audit goes on where the last one ended."""

    def __init__(self, kafka: str, database: DatabaseUrls, traffic: Traffic) -> None:
        self._kafka = kafka
        self._database = database
        self._traffic = traffic
        self._expected = Expected()
        self._former: set[str] = set()
        self._ends: dict[int, int] = {}

    def start_over(self) -> None:
        """Expect a new topic of slips in the place of the former one."""
        self._former |= self._expected.rated
        self._expected = Expected()

    async def until_no_lag(self) -> None:
        """Wait until both groups have committed all, and no promotion waits."""
        topic, promotions = self._traffic.topic, self._traffic.promotion_topic
        await until_no_lag(self._kafka, f"{topic}-accrual", topic, _LAG_SECONDS)
        await until_no_lag(self._kafka, f"{topic}-promotion", promotions, _LAG_SECONDS)
        await self._until_no_row("parked_event WHERE outcome IS NULL")

    async def audit(self) -> Findings:
        """Return what is lost, doubled or adrift: the figures, before the assertions."""
        self._ends = await end_offsets(self._kafka, self._traffic.topic)
        await asyncio.to_thread(
            reckon, self._kafka, self._traffic.topic, self._ends, self._expected
        )
        async with connected(self._database.superuser) as connection:
            rows = await connection.fetch(
                "SELECT rating_slip_id::text, coalesce(campaign_id, '') FROM loyalty_ledger"
            )
        found = Counter((row[0], row[1]) for row in rows)
        wanted = {(slip, "") for slip in self._expected.rated | self._former}
        wanted |= self._traffic.awards.keys()
        return Findings(
            records=self._traffic.published,
            lost=len(wanted - found.keys()),
            doubled=found.total() - len(wanted & found.keys()),
            drift=len(await drift_of(self._database, self._traffic.casino_id)),
        )

    async def assert_in_order(self) -> None:
        """Compare positions, counts, entries and balances with what was audited before."""
        if self._former:
            await self._assert_new_topic()
        else:
            await assert_reckoning(
                self._database.superuser,
                topic=self._traffic.topic,
                group=f"{self._traffic.topic}-accrual",
                ends=self._ends,
                expected=self._expected,
            )
        await self._assert_promotions()
        assert await value_of(self._database, "SELECT count(*) FROM consumer_halt") == 0

    async def assert_letters_copied(self) -> None:
        """Wait until every letter's copy has left, and find each on its topic."""
        await self._until_no_row("dead_letter WHERE copied_at IS NULL")
        topic = f"{self._traffic.topic}.dlq"
        ends = await end_offsets(self._kafka, topic)
        copied: set[tuple[str, ...]] = set()
        for message in await asyncio.to_thread(lambda: list(read_topic(self._kafka, topic, ends))):
            sent: dict[str, bytes] = dict(message.headers() or [])  # type: ignore[arg-type] # wider
            names = ("original-partition", "original-offset", "record-hash")
            copied.add(tuple(sent[f"dlq.{name}"].decode() for name in names))
        async with connected(self._database.superuser) as connection:
            letters = await connection.fetch(
                "SELECT partition::text, \"offset\"::text, encode(record_hash, 'hex')"
                " FROM dead_letter"
            )
        assert copied == {tuple(letter) for letter in letters}

    async def _assert_new_topic(self) -> None:
        """Compare the newest generation; what the former topic held already is a duplicate."""
        async with connected(self._database.superuser) as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT ON (partition) * FROM consumer_progress"
                " WHERE consumer_group = $1 ORDER BY partition, generation DESC",
                f"{self._traffic.topic}-accrual",
            )
        progress = {row["partition"]: row for row in rows}
        for partition, end in self._ends.items():
            row = progress[partition]
            names = ("accrued", "duplicate", "skipped", "parked", "dead_lettered")
            assert row["generation"] == 2, partition
            assert (row["first_offset"], row["next_offset"]) == (0, end), partition
            assert sum(row[name] for name in names) == self._expected.records[partition] == end
            assert row["dead_lettered"] == self._expected.garbage[partition], partition
        assert sum(row["accrued"] for row in rows) == len(self._expected.rated - self._former)

    async def _assert_promotions(self) -> None:
        async with connected(self._database.superuser) as connection:
            rows = await connection.fetch(
                "SELECT rating_slip_id::text, campaign_id, points_delta FROM loyalty_ledger"
                " WHERE reason = 'promotion'"
            )
            progress = await connection.fetch(
                "SELECT accrued + parked AS promotions, next_offset - first_offset AS passed"
                " FROM consumer_progress WHERE consumer_group = $1",
                f"{self._traffic.topic}-promotion",
            )
        assert {(row[0], row[1]): row[2] for row in rows} == self._traffic.awards
        assert len(rows) == sum(row["passed"] for row in progress)
        assert all(row["promotions"] == row["passed"] for row in progress)

    async def _until_no_row(self, rest: str) -> None:
        query = f"SELECT count(*) FROM {rest}"  # noqa: S608 - our own words
        async with asyncio.timeout(_KEEPING_SECONDS):
            while await value_of(self._database, query):
                await asyncio.sleep(0.1)
