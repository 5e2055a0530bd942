"""Who accounts for processed records, asked with an operator's login."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from loyalty_worker.database.connection import connection
from loyalty_worker.database.operator import set_scope
from loyalty_worker.database.parked import PROMOTION_KIND, SLIP_KIND
from loyalty_worker.database.refused import typed_refusals
from loyalty_worker.domain.accounting import AccountedBy, Accounting, Lack
from loyalty_worker.domain.events import Decoded, PromotionAwarded, SlipClosed
from loyalty_worker.domain.records import PartitionId, Record
from loyalty_worker.ports.coverage import CountedRange

_RANGES = (
    "SELECT topic, partition, generation, first_offset, next_offset, last_record_offset,"
    " last_record_hash, accrued + duplicate + skipped + parked + dead_lettered AS records,"
    " without_record FROM consumer_progress"
    " JOIN unnest($1::text[], $2::text[]) AS g (topic, consumer_group)"
    " USING (topic, consumer_group) WHERE closed_at IS NULL"
)
_ACCOUNT_FOR = (
    "SELECT account, lacking FROM account_for_events("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ORDER BY ordinal"
)


class RecordAccounts:
    """Asks over one connection; each question is a transaction of its own, of all casinos."""

    def __init__(self, opened: asyncpg.Connection) -> None:
        self._opened = opened

    async def counted_ranges(self, groups: Mapping[str, str]) -> list[CountedRange]:
        """Return the current generation of every partition of topics, each with its group."""
        rows = await self._opened.fetch(_RANGES, list(groups), list(groups.values()))
        return [
            CountedRange(PartitionId(topic, partition), *rest) for topic, partition, *rest in rows
        ]

    async def account_for(
        self, records: Sequence[Record], decoded: Sequence[Decoded]
    ) -> list[Accounting]:
        """Say how records of one partition are accounted for, in the order given."""
        async with self._opened.transaction(isolation="repeatable_read", readonly=True):
            casinos = await self._opened.fetch("SELECT id FROM casino")
            await set_scope(self._opened, [row["id"] for row in casinos])
            rows = await self._opened.fetch(_ACCOUNT_FOR, *_columns(records, decoded))
        return [
            Accounting(
                None if row["account"] is None else AccountedBy(row["account"]),
                None if row["lacking"] is None else Lack(row["lacking"]),
            )
            for row in rows
        ]


@asynccontextmanager
async def record_accounts(url: str) -> AsyncIterator[RecordAccounts]:
    """Open the operator's connection.

    Raises `DatabaseUnavailable` and `LoyaltyRefusedError`; what else the driver raises passes
    through.
    """
    with typed_refusals():
        async with connection(url, application_name="loyalty-cli") as opened:
            yield RecordAccounts(opened)


def _columns(records: Sequence[Record], decoded: Sequence[Decoded]) -> tuple[object, ...]:
    """Return the arguments of `account_for_events`, in its order; nulls for what is no event."""
    events = [one if isinstance(one, SlipClosed | PromotionAwarded) else None for one in decoded]
    slips = [one if isinstance(one, SlipClosed) else None for one in decoded]
    promotions = [one if isinstance(one, PromotionAwarded) else None for one in decoded]
    return (
        records[0].topic,
        records[0].partition,
        [record.offset for record in records],
        [record.fingerprint() for record in records],
        [
            SLIP_KIND if slip else PROMOTION_KIND if promotion else None
            for slip, promotion in zip(slips, promotions, strict=True)
        ],
        [event and event.casino_id for event in events],
        [event and event.rating_slip_id for event in events],
        [slip and slip.visit_id for slip in slips],
        [slip and slip.visit_kind.value for slip in slips],
        [slip and slip.player_id for slip in slips],
        [slip and slip.average_bet for slip in slips],
        [slip and slip.closed_at for slip in slips],
        [slip and slip.duration_seconds for slip in slips],
        [slip and slip.policy_snapshot for slip in slips],
        [promotion and promotion.campaign_id for promotion in promotions],
        [promotion and promotion.promo_multiplier for promotion in promotions],
        [promotion and promotion.bonus_points for promotion in promotions],
    )
