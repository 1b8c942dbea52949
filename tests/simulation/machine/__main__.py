"""``python -m tests.simulation.machine FIRST LAST``: carry schedules out, print each that fails."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import time

from tests.simulation.machine.schedule import Scenario, minimised, run, scenario, told


def main() -> int:
    """Return 1 where a schedule failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.machine", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="the first seed that is left out")
    parser.add_argument("--minimise", action="store_true", help="drop steps and faults for as long as it fails")
    parser.add_argument("--first", dest="stops", action="store_true", help="end with the first that fails")
    parser.add_argument("--log", action="store_true", help="print what the supervisors log")
    arguments = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation.machine", *sys.argv[1:]])
    logging.basicConfig(level=logging.INFO) if arguments.log else logging.disable(logging.CRITICAL)
    began, failures, digest = time.perf_counter(), 0, hashlib.sha256()
    for seed in range(arguments.first, arguments.last):
        verdict = run(scenario(seed))
        digest.update(repr((seed, verdict.troubles)).encode())
        if verdict.troubles:
            failures += 1
            plan = minimised(scenario(seed), _fails) if arguments.minimise else scenario(seed)
            print(told(plan, run(plan)), flush=True)
            if arguments.stops:
                break
    count, spent = arguments.last - arguments.first, time.perf_counter() - began
    print(f"{count} schedules, {failures} failed, digest {digest.hexdigest()[:16]}; {count / spent:.1f} a second")
    return 1 if failures else 0


def _fails(plan: Scenario) -> bool:
    return bool(run(plan).troubles)


if __name__ == "__main__":
    sys.exit(main())
