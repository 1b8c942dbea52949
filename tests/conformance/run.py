"""Compare our answers with KAITO's, case by case.

::

    python tests/conformance/run.py validation CASES.jsonl [--fixtures FILE]
    python tests/conformance/run.py sizing CASES.jsonl
    python tests/conformance/run.py manifests CASES.json

It prints one line for each case that differs, and at the end ``N passed, N failed, N listed, N skipped``. A listed case
differs by a rule of docs/kaito-differences.md. The exit code is 1 if any case failed.

Each kind has a module beside this one: with ``outcomes(cases, fixtures)``, or with ``run(cases, verbose=…)`` if it
counts fields instead of cases.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.outcome import Outcome

MODULES = {"validation": "admission_cases", "sizing": "sizing_cases", "manifests": "manifest_cases"}


def main(arguments: list[str] | None = None) -> int:
    """Run one file of cases, print the result, and return the exit code."""
    parser = argparse.ArgumentParser(description="Compare our answers with KAITO's.")
    parser.add_argument("kind", choices=tuple(MODULES))
    parser.add_argument("cases", type=Path)
    parser.add_argument("--fixtures", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="print listed differences too")
    options = parser.parse_args(arguments)
    fixtures = options.fixtures or _fixtures_beside(options.cases, options.kind)
    module = importlib.import_module(f"tests.conformance.{MODULES[options.kind]}")
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
