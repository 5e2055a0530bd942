"""How a dead letter is shown; for a conflict of facts both sets, and what settles it."""

from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from loyalty_worker.cli.output import as_row
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.database.operator import operator_reading
from loyalty_worker.database.operator_records import WholeLetter
from loyalty_worker.database.slip_facts import RecordedSlip, read_recorded_slip
from loyalty_worker.domain.events import SlipClosed
from loyalty_worker.domain.records import Record
from loyalty_worker.domain.refusals import Refusal

_PERSONAL = "player_id"


@dataclass(frozen=True, slots=True)
class Conflict:
    """The facts that were posted, and those that came later, by name as text."""

    casino_id: UUID
    rating_slip_id: UUID
    entry_id: UUID | None
    recorded: dict[str, str]
    given: dict[str, str]


async def read_conflict(url: str, letter: WholeLetter) -> Conflict | None:
    """Return both sets of facts of a letter about a conflict; None for any other letter."""
    if letter.letter.reason != Refusal.LOYALTY_FACTS_CONFLICT.name or letter.purged:
        return None
    slip = SlipDecoder()(_record(letter))
    if not isinstance(slip, SlipClosed):
        return None
    async with operator_reading(url, [slip.casino_id]) as connection:
        recorded = await read_recorded_slip(connection, slip.casino_id, slip.rating_slip_id)
    if recorded is None:
        return None
    names = [field.name for field in fields(RecordedSlip) if field.name != "entry_id"]
    return Conflict(
        slip.casino_id,
        slip.rating_slip_id,
        recorded.entry_id,
        {name: _text(getattr(recorded, name)) for name in names},
        {name: _text(getattr(slip, name)) for name in names},
    )


def letter_document(
    letter: WholeLetter, conflict: Conflict | None, *, payload: bool
) -> dict[str, Any]:
    """Return a letter as one JSON object; bytes as hexadecimal text, and only with `payload`."""
    document = as_row(letter.letter) | {
        "consumer_group": letter.consumer_group,
        "detail": letter.detail,
        "event_source": letter.event_source,
        "last_attempt_at": letter.last_attempt_at,
        "closed_at": letter.closed_at,
        "quarantined": letter.quarantined,
        "purged": letter.purged,
        "header_names": [name for name, _ in letter.headers],
    }
    if conflict is not None:
        document["facts"] = _facts(conflict, payload=payload)
        document["settled_by"] = _settlement(letter, conflict)
    if payload:
        document["key"] = None if letter.key is None else letter.key.hex()
        document["value"] = None if letter.value is None else letter.value.hex()
        document["headers"] = [
            [name, None if value is None else value.hex()] for name, value in letter.headers
        ]
    return document


def letter_lines(letter: WholeLetter, conflict: Conflict | None, *, payload: bool) -> list[str]:
    """Return a letter as lines for people."""
    document = letter_document(letter, conflict, payload=False)
    facts, settled_by = document.pop("facts", []), document.pop("settled_by", [])
    lines = [f"{name:16} {'-' if value is None else value}" for name, value in document.items()]
    if facts:
        lines += ["", f"{'fact':18} {'recorded':40} given"]
        lines += [f"{one['fact']:18} {one['recorded']:40} {one['given']}" for one in facts]
        lines += ["", "to settle it, as an administrator of the casino:", *settled_by]
    if payload:
        lines += ["", f"key   {letter.key!r}", f"value {letter.value!r}"]
        lines += [f"{name}: {value!r}" for name, value in letter.headers]
    return lines


def _facts(conflict: Conflict, *, payload: bool) -> list[dict[str, str]]:
    rows = []
    for name, recorded in conflict.recorded.items():
        given = conflict.given[name]
        if name == _PERSONAL and not payload:
            rows.append(
                {
                    "fact": name,
                    "recorded": "(personal)",
                    "given": "the same" if recorded == given else "another",
                }
            )
        else:
            rows.append({"fact": name, "recorded": recorded, "given": given})
    return rows


def _settlement(letter: WholeLetter, conflict: Conflict) -> list[str]:
    """Return the calls: reverse what was posted, adjust, then discard the letter."""
    casino, note = conflict.casino_id, f"facts of slip {conflict.rating_slip_id} corrected"
    reversal = f"'{casino}', '{conflict.entry_id}', :staff_id, '{note}', gen_random_uuid()"
    adjustment = f"'{casino}', :player_id, :points, :staff_id, '{note}', gen_random_uuid()"
    return [
        f"rpc_reverse_ledger_entry({reversal})",
        f"rpc_adjust_points({adjustment})",
        f"loyalty dlq discard {letter.letter.id} --reason 'settled by adjustment' --yes",
        "or keep the entry, and adjust by the difference alone, which the detail above says",
    ]


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
