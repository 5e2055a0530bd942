"""Random histories of every function that changes the ledger, against a plain model of it.

The model says what must come of each step, refusals included; after each step all entries, all
cached balances and what the drift check finds are compared.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TypeAlias

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ledgerhistory import History, open_stage
from ledgerscene import set_scene
from loyalty_worker.embedded.logins import DatabaseUrls

Step: TypeAlias = Callable[[History], Coroutine[None, None, None]]
_STEPS: list[Step] = [
    History.post_batch,
    History.reconcile,
    History.spoil_a_cache,
    History.change_rules,
    History.tamper,
]


def test_every_step_of_a_random_history_is_as_the_model_says(database: DatabaseUrls) -> None:
    asked = 0
    with asyncio.Runner() as runner:
        opened = open_stage(database, 3)
        stage = runner.run(opened.__aenter__())

        class LedgerMachine(RuleBasedStateMachine):
            """Steps in any order; each compares its own outcome and the whole state after it."""

            history: History

            # one seed a history: requests of hypothesis' own numbers are mostly refused at the door
            @initialize(seed=st.integers(0, 2**32))
            def begin(self, seed: int) -> None:
                scene = runner.run(set_scene(stage.superuser, random.Random(seed)))
                self.history = History(stage, scene)
                for _ in range(4):
                    runner.run(self.history.post_batch())

            @rule(requests=st.integers(1, 16))
            def ask(self, requests: int) -> None:
                nonlocal asked
                for _ in range(requests):
                    runner.run(self.history.ask())
                asked += requests

            @rule(step=st.sampled_from(_STEPS))
            def something_else(self, step: Step) -> None:
                note(step.__name__)
                runner.run(step(self.history))

        try:
            run_state_machine_as_test(
                LedgerMachine,
                settings=settings(
                    max_examples=40,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    # the steps of a failed history are printed; to shorten it takes minutes
                    phases=[Phase.generate],
                    database=None,
                ),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert asked > 1000
