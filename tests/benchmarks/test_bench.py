"""The benchmark does not rot: the whole of it, on a ledger that is filled in no time."""

import json
from pathlib import Path

import asyncpg
import pytest

from benchmarks.bench import Plan, measure
from benchmarks.filling import Shape, fill
from benchmarks.measures import Figure, Series
from benchmarks.report import keep, table
from loyalty_worker.embedded.logins import DatabaseUrls
from sqltools import connected, value_of

SMALL = Shape(entries=3_000, players=200, casinos=2)


async def test_every_figure_of_the_benchmark_is_measured(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    plan = Plan(
        SMALL, check_rounds=2, posting_rounds=1, check_seconds=5, posting_seconds=5, batches=1
    )
    figures = await measure(database, plan, lambda _step: None)
    assert {figure.unit for figure in figures if figure.needed is not None} == {
        "of the bare sums",
        "of undisturbed",
    }
    assert all(value > 0 for one in figures if "/s" in one.unit for value in one.series.values)
    keep(figures, "18", SMALL.entries, SMALL.players, tmp_path / "drift.json")
    kept = json.loads((tmp_path / "drift.json").read_text(encoding="utf-8"))
    assert len(kept["figures"]) == len(figures) == table(figures).row_count


async def test_the_filled_ledger_is_guarded_again_and_free_of_drift(
    database: DatabaseUrls,
) -> None:
    query = (
        "SELECT string_agg(concat(tgrelid::regclass, tgname, tgenabled), ' ' ORDER BY tgname)"
        " FROM pg_trigger WHERE NOT tgisinternal"
    )
    indexes = "SELECT string_agg(indexdef, ' ' ORDER BY indexname) FROM pg_indexes"
    async with connected(database.superuser) as connection:
        before = [await connection.fetchval(query), await connection.fetchval(indexes)]
        await fill(database, SMALL)
        assert [await connection.fetchval(query), await connection.fetchval(indexes)] == before
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM loyalty_ledger")
    assert await value_of(database, "SELECT count(*) FROM check_loyalty_balance_drift()") == 0
    assert await value_of(database, "SELECT count(*) FROM player_loyalty") == SMALL.players
    assert await value_of(database, "SELECT max(entry_count) FROM player_loyalty") > 50


def test_a_target_is_met_by_the_median_of_the_ratios_round_by_round() -> None:
    ratio = Series((4.0, 30.0, 8.0)).over(Series((10.0, 100.0, 10.0)))
    assert ratio.values == (0.4, 0.3, 0.8)
    assert Figure("a ratio", "of another", ratio, 0.4).is_met
    assert not Figure("a ratio", "of another", ratio, 0.41).is_met
