"""Runs seeds: `PYTHONPATH=tests python -m simulation`; `--seed 17` tells the story of one."""

import argparse
import sys
import time

from structlog.testing import capture_logs

from simulation.world import simulate


def main() -> int:
    """Run the seeds asked for; the exit code says whether all were good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one alone, with its story")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    started, bad = time.monotonic(), 0
    with capture_logs():
        for seed in seeds if options.seed is None else [options.seed]:
            outcome = simulate(seed)
            if options.seed is not None:
                _say(*outcome.story)
            if outcome.problems:
                bad += 1
                _say(f"seed {seed}:", *(f"  {problem}" for problem in outcome.problems))
    _say(f"{bad} bad seeds; {time.monotonic() - started:.1f} s")
    return 1 if bad else 0


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
