"""``python -m tests.simulation FIRST LAST``: carry schedules out, print each that fails and the shortest of its kind.

The order of sets depends on ``PYTHONHASHSEED``: it has to be 0, so that a seed is one schedule on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import time

from tests.simulation.scenarios import Scenario, scenario
from tests.simulation.trial import as_text, minimised, run


def main() -> int:
    """Return 1 where a schedule failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="the first seed that is left out")
    parser.add_argument("--minimise", action="store_true", help="drop steps and faults for as long as it fails")
    parser.add_argument("--first", dest="stops", action="store_true", help="end with the first that fails")
    given = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    logging.disable(logging.CRITICAL)
    began, failures, digest = time.perf_counter(), 0, hashlib.sha256()
    for seed in range(given.first, given.last):
        verdict = run(scenario(seed))
        digest.update(repr((seed, verdict)).encode())
        if verdict.troubles:
            failures += 1
            plan = minimised(scenario(seed), _fails) if given.minimise else scenario(seed)
            print(as_text(plan, run(plan)), flush=True)
            if given.stops:
                break
    count, spent = given.last - given.first, time.perf_counter() - began
    print(f"{count} schedules, {failures} failed, digest {digest.hexdigest()[:16]}; {count / spent:.1f} a second")
    return 1 if failures else 0


def _fails(plan: Scenario) -> bool:
    return bool(run(plan).troubles)


if __name__ == "__main__":
    sys.exit(main())
