"""Hold ourselves against upstream's own verdicts.

::

    python tests/conformance/run.py validation CASES.jsonl [--fixtures FILE]
    python tests/conformance/run.py sizing CASES.jsonl
    python tests/conformance/run.py manifests CASES.json

One line per case that differs, last ``N passed, N failed, N listed, N skipped``; exit code 1 if any failed. Each kind
is a module beside this one with ``outcomes(cases, fixtures)``, or with ``run(cases, verbose=…)`` where it counts in
another way.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.outcome import Outcome

KINDS = ("validation", "sizing", "manifests")


def main(arguments: list[str] | None = None) -> int:
    """Run one file of cases and print how it went."""
    parser = argparse.ArgumentParser(description="Compare our verdicts with upstream's.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--fixtures", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="print listed differences too")
    options = parser.parse_args(arguments)
    fixtures = options.fixtures or _fixtures_beside(options.cases, options.kind)
    module = importlib.import_module(f"tests.conformance.{options.kind}")
    if hasattr(module, "run"):
        return int(module.run(options.cases, verbose=options.verbose))
    count: Counter[str] = Counter()
    for outcome in module.outcomes(options.cases, fixtures):
        count[outcome.verdict] += 1
        _report(outcome, verbose=options.verbose)
    print(", ".join(f"{count[verdict]} {verdict}" for verdict in ("passed", "failed", "listed", "skipped")))
    return 1 if count["failed"] else 0


def _fixtures_beside(cases: Path, kind: str) -> Path | None:
    beside = cases.with_name(f"{kind}_fixtures.json")
    return beside if beside.is_file() else None


def _report(outcome: Outcome, *, verbose: bool) -> None:
    if outcome.verdict == "failed":
        print(f"{outcome.case}: expected {outcome.expected}, got {outcome.got}")
    elif outcome.verdict == "listed" and verbose:
        print(f"{outcome.case}: expected {outcome.expected}, got {outcome.got} [{outcome.rule}]")


if __name__ == "__main__":
    sys.exit(main())
