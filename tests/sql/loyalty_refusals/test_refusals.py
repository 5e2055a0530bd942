"""The closed list of refusals, in the database and in Python."""

import asyncpg
import pytest

from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.refusals import Refusal
from sqlslips import Connection


async def test_database_and_python_hold_the_same_list_in_the_same_order(
    readonly: Connection,
) -> None:
    rows = await readonly.fetch("SELECT name, sqlstate FROM loyalty_refusals()")
    assert [tuple(row) for row in rows] == [(r.name, r.sqlstate) for r in Refusal]


async def test_every_sentence_says_what_to_do_and_ends(readonly: Connection) -> None:
    for (sentence,) in await readonly.fetch("SELECT sentence FROM loyalty_refusals()"):
        assert sentence.endswith(".")
        assert any(mark in sentence for mark in (";", "no promotion can follow", "earns nothing"))


async def test_each_refusal_is_raised_with_its_sqlstate_and_sentence(worker: Connection) -> None:
    for name, sqlstate, sentence in await worker.fetch("SELECT * FROM loyalty_refusals()"):
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await worker.execute("SELECT refuse($1, 'casino 4711')", name)
        assert refusal.value.sqlstate == sqlstate
        assert str(refusal.value) == f"{name}: {sentence}\nDETAIL:  casino 4711"


async def test_a_name_outside_of_the_list_cannot_be_refused_with(worker: Connection) -> None:
    with pytest.raises(asyncpg.NoDataFoundError):
        await worker.execute("SELECT refuse('LOYALTY_SOMETHING_ELSE')")


def test_a_record_refused_is_parked_dead_lettered_or_a_fault_of_the_worker() -> None:
    outcomes = {refusal: refusal.event_outcome for refusal in Refusal}
    for name in ("ACCRUAL_DISABLED", "BASE_NOT_ACCRUED"):
        assert outcomes.pop(Refusal[f"LOYALTY_{name}"]) is Outcome.PARKED
    for name in ("UNAUTHORIZED", "FORBIDDEN", "CASINO_MISMATCH"):
        assert outcomes.pop(Refusal[f"LOYALTY_{name}"]) is None
    assert set(outcomes.values()) == {Outcome.DEAD_LETTERED}
