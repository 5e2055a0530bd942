"""How a dead letter is shown: as one JSON object, and as lines for people."""

from typing import Any

from loyalty_worker.cli.conflict_view import Conflict, facts_of, settlement_of
from loyalty_worker.cli.output import as_row
from loyalty_worker.database.operator_letters import WholeLetter


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
        document["facts"] = facts_of(conflict, payload=payload)
        document["settled_by"] = settlement_of(conflict, letter.letter.id)
    if payload:
        document["key"] = None if letter.key is None else letter.key.hex()
        document["value"] = None if letter.value is None else letter.value.hex()
        document["headers"] = [
            [name, None if value is None else value.hex()] for name, value in letter.headers
        ]
    return document


def letter_lines(letter: WholeLetter, conflict: Conflict | None, *, payload: bool) -> list[str]:
    """Return a letter as lines for people; bytes, and players by name, only with `payload`."""
    document = letter_document(letter, None, payload=False)
    lines = [f"{name:16} {'-' if value is None else value}" for name, value in document.items()]
    if conflict is not None:
        lines += ["", f"{'fact':18} {'recorded':40} given"]
        lines += [
            f"{one['fact']:18} {one['recorded']:40} {one['given']}"
            for one in facts_of(conflict, payload=payload)
        ]
        lines += ["", "to settle it, as an administrator of the casino:"]
        lines += settlement_of(conflict, letter.letter.id)
    if payload:
        lines += ["", f"key   {letter.key!r}", f"value {letter.value!r}"]
        lines += [f"{name}: {value!r}" for name, value in letter.headers]
    return lines
