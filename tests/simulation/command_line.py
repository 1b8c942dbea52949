"""The command line of a simulator: carry schedules out, print each that fails.

The order of sets depends on ``PYTHONHASHSEED``: it has to be 0, so that a seed is one schedule on every machine.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Verdict(Protocol):
    """What a schedule showed."""

    @property
    def troubles(self) -> object:
        """Empty where all was well."""


S = TypeVar("S")
V = TypeVar("V", bound=Verdict)


@dataclass(frozen=True)
class Simulator(Generic[S, V]):
    """One simulator. ``digested`` is the part of a verdict that two runs of a seed must agree in."""

    module: str
    scenario: Callable[[int], S]
    run: Callable[[S], V]
    minimised: Callable[[S, Callable[[S], bool]], S]
    as_text: Callable[[S, V], str]
    digested: Callable[[V], object]

    def main(self, description: str | None) -> int:
        """Return 1 where a schedule failed."""
        given = _arguments(self.module, description)
        if os.environ.get("PYTHONHASHSEED") != "0":
            os.environ["PYTHONHASHSEED"] = "0"
            os.execv(sys.executable, [sys.executable, "-m", self.module, *sys.argv[1:]])
        logging.basicConfig(level=logging.INFO) if given.log else logging.disable(logging.CRITICAL)
        began, failures, digest = time.perf_counter(), 0, hashlib.sha256()
        for seed in range(given.first, given.last):
            verdict = self.run(self.scenario(seed))
            digest.update(repr((seed, self.digested(verdict))).encode())
            if verdict.troubles:
                failures += 1
                plan = self.scenario(seed)
                plan = self.minimised(plan, self._fails) if given.minimise else plan
                print(self.as_text(plan, self.run(plan)), flush=True)
                if given.stops:
                    break
        count, spent = given.last - given.first, time.perf_counter() - began
        print(f"{count} schedules, {failures} failed, digest {digest.hexdigest()[:16]}; {count / spent:.1f} a second")
        return 1 if failures else 0

    def _fails(self, plan: S) -> bool:
        return bool(self.run(plan).troubles)


def _arguments(module: str, description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="the first seed that is left out")
    parser.add_argument("--minimise", action="store_true", help="drop steps and faults for as long as it fails")
    parser.add_argument("--first", dest="stops", action="store_true", help="end with the first that fails")
    parser.add_argument("--log", action="store_true", help="print what the simulated processes log")
    return parser.parse_args()
