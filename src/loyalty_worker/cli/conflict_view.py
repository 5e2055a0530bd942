"""A conflict of facts as a person settles it: both sets, the points, and the calls."""

from dataclasses import dataclass, fields
from uuid import UUID

from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_letters import WholeLetter
from loyalty_worker.database.slip_facts import RecordedSlip, points_of, read_recorded_slip
from loyalty_worker.domain.events import SlipClosed, VisitKind
from loyalty_worker.domain.records import Record
from loyalty_worker.domain.refusals import Refusal

_PERSONAL = "player_id"
_NO_FACTS = ("entry_id", "points")


@dataclass(frozen=True, slots=True)
class Conflict:
    """The facts that were posted and those that came later, by name as text, and their points."""

    casino_id: UUID
    rating_slip_id: UUID
    entry_id: UUID | None
    recorded: dict[str, str]
    given: dict[str, str]
    points: int
    points_given: int

    @property
    def difference(self) -> int:
        """What the later facts would add."""
        return self.points_given - self.points


async def read_conflict(url: str, letter: WholeLetter) -> Conflict | None:
    """Return both sets of facts of a letter about a conflict; None for any other letter."""
    if letter.letter.reason != Refusal.LOYALTY_FACTS_CONFLICT.name or letter.purged:
        return None
    slip = SlipDecoder()(_record(letter))
    if not isinstance(slip, SlipClosed):
        return None
    rated = slip.visit_kind is VisitKind.GAMING_IDENTIFIED_RATED and slip.player_id is not None
    async with operator_reading(url, [slip.casino_id]) as connection:
        recorded = await read_recorded_slip(connection, slip.casino_id, slip.rating_slip_id)
        earned = await points_of(
            connection, slip.average_bet, slip.duration_seconds, slip.policy_snapshot
        )
    if recorded is None:
        return None
    names = [field.name for field in fields(RecordedSlip) if field.name not in _NO_FACTS]
    return Conflict(
        slip.casino_id,
        slip.rating_slip_id,
        recorded.entry_id,
        {name: _text(getattr(recorded, name)) for name in names},
        {name: _text(getattr(slip, name)) for name in names},
        recorded.points,
        earned if rated else 0,
    )


def facts_of(conflict: Conflict, *, payload: bool) -> list[dict[str, str]]:
    """Return each fact on both sides, the points last; players by name only with `payload`."""
    rows = []
    for name in conflict.recorded:
        recorded, given = conflict.recorded[name], conflict.given[name]
        if name == _PERSONAL and not payload:
            recorded, given = "(personal)", "the same" if recorded == given else "another"
        rows.append({"fact": name, "recorded": recorded, "given": given})
    points = f"{conflict.points_given} ({conflict.difference:+})"
    rows.append({"fact": "points", "recorded": str(conflict.points), "given": points})
    return rows


def settlement_of(conflict: Conflict, letter_id: int) -> list[str]:
    """Return the calls: take back what was posted, post what is right, discard the letter."""
    lines = []
    if conflict.entry_id is not None:
        lines.append(_call("rpc_reverse_ledger_entry", conflict, f"'{conflict.entry_id}'"))
    lines.append(_adjustment(conflict, conflict.points_given))
    if conflict.entry_id is not None and (
        conflict.recorded[_PERSONAL] == conflict.given[_PERSONAL]
    ):
        lines.append("-- or keep the entry, and post only the difference:")
        lines.append(_adjustment(conflict, conflict.difference))
    return [*lines, f"loyalty dlq discard {letter_id} --reason 'settled by adjustment' --yes"]


def _adjustment(conflict: Conflict, points: int) -> str:
    if points == 0:
        return "-- nothing to adjust: 0 points"
    return _call("rpc_adjust_points", conflict, f":player_id, {points}")


def _call(function: str, conflict: Conflict, arguments: str) -> str:
    note = f"facts of slip {conflict.rating_slip_id} corrected"
    given = f"'{conflict.casino_id}', {arguments}, :staff_id, '{note}', gen_random_uuid()"
    return f"SELECT * FROM {function}({given});"  # noqa: S608 - printed for a person, never run


def _record(letter: WholeLetter) -> Record:
    where = letter.letter
    return Record(
        where.topic,
        where.partition,
        where.offset,
        -1,
        letter.key,
        letter.value,
        letter.headers,
    )


def _text(value: object) -> str:
    return "-" if value is None else str(value)
