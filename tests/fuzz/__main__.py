"""``python -m tests.fuzz KIND FIRST LAST``: run mutants, print the first and shortest input of each fault."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.fuzz.judge import Slowest, failures
from tests.fuzz.targets import Targets

MOST_MEMORY = 4 * 1024**3
"""Bytes: an input that takes more is a failure, and not the end of the machine."""


def main() -> int:
    """Return 1 where something else than an error of ours came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind")
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="the first seed that is left out")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    warnings.simplefilter("ignore")
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        corpus, run = Targets(Path(directory), root).kind(given.kind)
        began, faults, slowest = time.perf_counter(), 0, Slowest()
        for failure in failures(given.kind, corpus, run, range(given.first, given.last), slowest):
            print(failure, flush=True)
            faults += 1
    count, spent = given.last - given.first, time.perf_counter() - began
    longest = f"the slowest, seed {slowest.seed}, took {slowest.seconds:.2f} s of CPU time"
    print(f"{given.kind}: {count} inputs, {faults} kinds of failure; {count / spent:.0f} a second; {longest}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
