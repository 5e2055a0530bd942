"""An entry's trace as people read it, and as one JSON document."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from loyalty_worker.cli.output import as_row
from loyalty_worker.database.results import LedgerEntry
from loyalty_worker.database.traces import Trace
from loyalty_worker.domain.arithmetic import (
    Arithmetic,
    accrual_arithmetic,
    balance_arithmetic,
    promotion_arithmetic,
    reversal_arithmetic,
)
from loyalty_worker.domain.entries import LedgerReason

_LABEL_WIDTH = 24


def arithmetic(trace: Trace) -> list[Arithmetic]:
    """Return the steps from facts to points, where the entry has such, and to the balance."""
    entry, steps = trace.entry, []
    calc = entry.metadata.get("calc", {})
    match entry.reason:
        case LedgerReason.BASE_ACCRUAL:
            steps.append(accrual_arithmetic(calc, entry.points_delta))
        case LedgerReason.PROMOTION:
            base = None if trace.base is None else trace.base.points_delta
            steps.append(promotion_arithmetic(calc, base, entry.points_delta))
        case LedgerReason.REVERSAL if trace.takes_back is not None:
            steps.append(reversal_arithmetic(trace.takes_back.points_delta, entry.points_delta))
    moved = balance_arithmetic(trace.balance_before, entry.points_delta, entry.balance_after)
    return [*steps, moved]


def trace_document(trace: Trace) -> dict[str, Any]:
    """Return the trace for `--json`; its keys are the ledger's columns and the trace's parts."""
    related = {
        "base": trace.base,
        "takes_back": trace.takes_back,
        "taken_back_by": trace.taken_back_by,
    }
    return {
        "casino_id": trace.casino_id,
        "player_id": trace.player_id,
        "idempotency_key": trace.idempotency_key,
        **as_row(trace.entry),
        "balance_before": trace.balance_before,
        "arithmetic": [as_row(step) for step in arithmetic(trace)],
        "rating_slip": None if trace.slip is None else as_row(trace.slip),
        **{name: None if entry is None else as_row(entry) for name, entry in related.items()},
        "promotions": [as_row(entry) for entry in trace.promotions],
    }


def trace_lines(trace: Trace) -> Iterator[str]:
    """Yield the trace, one fact a line."""
    entry = trace.entry
    yield f"entry {entry.id}: {entry.reason}, {entry.points_delta:+d} points"
    yield from _facts(
        ("casino", trace.casino_id),
        ("player", f"{trace.player_id}, entry number {entry.entry_no}"),
        ("occurred at", _time(entry.occurred_at)),
        ("gaming day", entry.gaming_day),
        ("booked at", _time(entry.created_at)),
        ("staff", entry.staff_id),
        ("campaign", entry.campaign_id),
        ("note", entry.note),
        ("key", trace.idempotency_key),
    )
    yield from _event(entry.metadata.get("event"))
    yield from _slip(trace)
    yield from _policy(trace)
    yield from _other(entry.metadata)
    yield "arithmetic"
    for step in arithmetic(trace):
        yield f"  {step.text}{'' if step.holds else '   ✗ not what is booked'}"
    yield from _related(trace)


def _event(event: dict[str, Any] | None) -> Iterator[str]:
    if event is None:
        return
    yield "event"
    yield from _facts(
        ("source", event.get("source")),
        ("id", event.get("id")),
        ("topic", event.get("topic")),
        ("partition", event.get("partition")),
        ("offset", event.get("offset")),
    )


def _slip(trace: Trace) -> Iterator[str]:
    slip = trace.slip
    if slip is None:
        return
    yield f"rating slip {slip.rating_slip_id}, {slip.status}"
    yield from _facts(
        ("visit", f"{trace.entry.visit_id}, {slip.visit_kind}"),
        ("table", slip.table_id),
        ("game", slip.game_type),
        ("average bet", slip.average_bet),
        ("rated play", f"{slip.duration_seconds} s"),
        ("started at", _time(slip.started_at)),
        ("closed at", _time(slip.closed_at)),
    )


def _policy(trace: Trace) -> Iterator[str]:
    """Tell the policy that was frozen on the slip, and how the entry was rounded by it."""
    snapshot = {} if trace.slip is None else trace.slip.policy_snapshot or {}
    frozen = snapshot.get("loyalty") or {}
    terms = frozen | trace.entry.metadata.get("policy", {})
    if terms:
        yield "policy"
        yield from _facts(*terms.items())


def _other(metadata: dict[str, Any]) -> Iterator[str]:
    """Tell what else the entry keeps: an overdraw and who approved it, a reward, a reference."""
    for name, value in metadata.items():
        if name in {"event", "calc", "policy"}:
            continue
        if isinstance(value, dict):
            yield name
            yield from _facts(*value.items())
        else:
            yield f"{name} {value}"


def _related(trace: Trace) -> Iterator[str]:
    for label, entry in (
        ("on top of", trace.base),
        ("takes back", trace.takes_back),
        ("taken back by", trace.taken_back_by),
        *(("promotion", promotion) for promotion in trace.promotions),
    ):
        if entry is not None:
            yield f"{label} entry {entry.id}: {_summary(entry)}"


def _summary(entry: LedgerEntry) -> str:
    return f"{entry.reason}, number {entry.entry_no}, {entry.points_delta:+d} points"


def _facts(*facts: tuple[str, object]) -> Iterator[str]:
    """Yield what is known, one a line."""
    for label, value in facts:
        if value is not None:
            yield f"  {label:<{_LABEL_WIDTH}}{value}"


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(sep=" ", timespec="seconds")
