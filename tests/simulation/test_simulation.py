"""The model check: every seed comes to rest with each record accounted for exactly once.

A seed that fails is told by its number; `PYTHONPATH=tests python -m simulation --seed N` tells its
story.
"""

import os
from collections import Counter

import pytest
from structlog.testing import capture_logs

from simulation.mutants import MUTANTS, Mutant, planted
from simulation.world import simulate

_SEEDS = int(os.environ.get("LOYALTY_TEST_SIMULATION_SEEDS", "2000"))
_CHUNKS = 8
_MOST_SEEDS_FOR_A_MUTANT = 600


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_every_seed_comes_to_rest_with_each_record_counted_once(chunk: int) -> None:
    with capture_logs():
        bad = {
            seed: outcome.problems
            for seed in range(chunk, _SEEDS, _CHUNKS)
            if (outcome := simulate(seed)).problems
        }
    assert bad == {}


def test_the_seeds_reach_what_they_are_for() -> None:
    with capture_logs():
        seen = sum((simulate(seed).seen for seed in range(120)), Counter[str]())
    assert set(seen) >= {
        "fenced commit",
        "later generation",
        "halted by unknown_error",
        "halted by breaker",
        "set aside",
        "redriven",
    }


def test_a_seed_tells_the_same_story_every_time() -> None:
    with capture_logs():
        for seed in range(20):
            assert simulate(seed) == simulate(seed)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mistake_in_the_protocol_is_found(mutant: Mutant) -> None:
    with capture_logs(), planted(mutant):
        assert any(simulate(seed).problems for seed in range(_MOST_SEEDS_FOR_A_MUTANT))
