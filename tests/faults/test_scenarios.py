"""Fault after fault against one deployment under traffic: after each, every record once.

`make faults` does the same for ten minutes, in random order and with new seeds.
"""

import pytest

from faults.act import Act, perform, print_table
from faults.scenarios import SCENARIOS
from faults.stage import running_servers

SEED = 20_260_314


# many waits, each with a limit of its own; the cores may be shared with other tests
@pytest.mark.timeout(900)
async def test_after_each_fault_under_traffic_every_record_counts_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    acts: list[Act] = []
    try:
        with running_servers() as servers:
            await perform(servers, SCENARIOS, SEED, acts.append)
    finally:
        with capsys.disabled():
            print_table(acts)
    assert len(acts) == len(SCENARIOS) + 1
