"""Judges records within an open transaction: what live batches, releases and redrives share."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from loyalty_worker.application.outcome_table import outcome_of
from loyalty_worker.domain.events import (
    Decoded,
    Event,
    PromotionAwarded,
    SlipClosed,
    Undecodable,
)
from loyalty_worker.domain.outcomes import Outcome, RecordOutcome
from loyalty_worker.domain.records import Record
from loyalty_worker.ports import LedgerTransaction, Posting, Released

_OPENS_THE_WAY = (Outcome.ACCRUED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Judged:
    """One outcome per record, in order; and the parked promotions that the slips released."""

    outcomes: tuple[RecordOutcome, ...]
    released: tuple[Released, ...]


def casinos_of(decoded: Sequence[Decoded]) -> set[UUID]:
    """Return the casinos that a transaction about these events must see."""
    return {event.casino_id for event in decoded if isinstance(event, Event)}


async def judge(
    tx: LedgerTransaction, records: Sequence[Record], decoded: Sequence[Decoded]
) -> Judged:
    """Post what the records of one partition say, slips first; keep nothing else of them.

    Slips that are accrued or skipped release the promotions that waited for them.
    """
    slips: list[tuple[Record, SlipClosed]] = []
    promotions: list[tuple[Record, PromotionAwarded]] = []
    for record, event in zip(records, decoded, strict=True):
        if isinstance(event, SlipClosed):
            slips.append((record, event))
        elif isinstance(event, PromotionAwarded):
            promotions.append((record, event))
    of_slips = [outcome_of(p) for p in (await tx.post_closed_slips(slips) if slips else ())]
    opened = [
        (slip.casino_id, slip.rating_slip_id)
        for (_, slip), outcome in zip(slips, of_slips, strict=True)
        if outcome.outcome in _OPENS_THE_WAY
    ]
    released = await tx.release_parked_promotions(opened) if opened else []
    of_promotions: list[Posting] = await tx.post_promotions(promotions) if promotions else []
    judged = {SlipClosed: iter(of_slips), PromotionAwarded: map(outcome_of, of_promotions)}
    return Judged(
        tuple(
            outcome_of(event) if isinstance(event, Undecodable) else next(judged[type(event)])
            for event in decoded
        ),
        tuple(released),
    )


async def keep(
    tx: LedgerTransaction,
    group: str,
    judged: Sequence[tuple[Record, Decoded, RecordOutcome]],
) -> None:
    """Keep what waits and what cannot succeed, whole, each in its table."""
    await keep_waiting(tx, group, judged)
    letters = [one for one in judged if one[2].outcome is Outcome.DEAD_LETTERED]
    if letters:
        await tx.file_dead_letters(group, letters)


async def keep_waiting(
    tx: LedgerTransaction,
    group: str,
    judged: Sequence[tuple[Record, Decoded, RecordOutcome]],
) -> None:
    """Park what waits; the others are somebody else's to keep."""
    waiting = [
        (record, event, outcome)
        for record, event, outcome in judged
        if outcome.outcome is Outcome.PARKED and isinstance(event, Event)
    ]
    if waiting:
        await tx.park_events(group, waiting)
