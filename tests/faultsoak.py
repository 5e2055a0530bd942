"""The fault suite for as long as one likes: round after round, shuffled, each with a new seed.

`make faults` runs this module. `LOYALTY_FAULTS_SECONDS` is how long rounds begin (600);
`LOYALTY_FAULTS_SEED` repeats the round of a seed, first.
"""

import asyncio
import logging
import os
import random
import sys
import time
import traceback

from faults.act import Act, perform, print_table
from faults.scenarios import SCENARIOS
from faults.stage import running_servers

_SECONDS = 600.0


def main() -> int:
    """Run rounds; return 1 after one that failed."""
    deadline = time.monotonic() + float(os.environ.get("LOYALTY_FAULTS_SECONDS", _SECONDS))
    seed = int(os.environ.get("LOYALTY_FAULTS_SEED") or random.randrange(10**8))
    # the traffic's producer tells of every outage that is made here
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    acts: list[Act] = []
    failed = False
    with running_servers() as servers:
        while not failed and (not acts or time.monotonic() < deadline):
            order = random.Random(seed).sample(SCENARIOS, len(SCENARIOS))
            begun = len(acts)
            print(f"a round with seed {seed}", flush=True)  # noqa: T201 - a program's output
            try:
                asyncio.run(perform(servers, order, seed, acts.append))
            except Exception:  # noqa: BLE001 - whatever it was, the seed is told
                traceback.print_exc()
                number = len(acts) - begun
                fault = order[number].name if number < len(order) else "the topic's recreation"
                print(f"failed: {fault}; again with LOYALTY_FAULTS_SEED={seed}")  # noqa: T201
                failed = True
            seed = random.randrange(10**8)
    print_table(acts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
