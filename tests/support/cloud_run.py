"""What the scripts for a real cloud share: steps and their report, ``kubectl``, waiting, and the command line.

The script of a cloud lies with its provisioner, in ``e2e/run.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from llmwright.errors import LLMwrightError

READY_S, ANSWER_S, GONE_S = 2700.0, 120.0, 1800.0
LOOK_S = 5.0
"""Seconds between two looks at the cluster."""


@dataclass
class Step:
    """One step of the report: how long it took, how it ended, and what was seen."""

    name: str
    seconds: float = 0.0
    passed: bool = False
    seen: Any = None


@dataclass
class Report:
    """The steps so far; they go to a file after each one, so that a run that is broken off has its report too."""

    file: Path
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Record what is done within. A failure is recorded and raised."""
        step, began = Step(name), time.monotonic()
        self.steps.append(step)
        try:
            yield step
            step.passed = True
        except Exception as error:
            step.seen = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.seconds = round(time.monotonic() - began, 1)
            self.write()
            print(f"{'ok  ' if step.passed else 'FAIL'} {step.seconds:8.1f} s  {step.name}: {step.seen or ''}")

    def write(self) -> None:
        """Write the report."""
        passed = all(step.passed for step in self.steps)
        body = {"at": datetime.now(UTC).isoformat(), "passed": passed, "steps": [asdict(step) for step in self.steps]}
        self.file.write_text(json.dumps(body, indent=2) + "\n")


def command(*words: str) -> str:
    """Return what a command prints; raises RuntimeError with its last lines where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:4])} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return done.stdout.strip()


def until(holds: Callable[[], bool], what: str, timeout_s: float, look_s: float) -> None:
    """Wait until something holds; raises TimeoutError."""
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() >= end:
            raise TimeoutError(f"not {what} within {timeout_s:.0f} s")
        time.sleep(look_s)


def read(file: str) -> dict[str, Any]:
    """Return the mapping of a YAML file; raises ValueError where it is none."""
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no mapping")
    return content


def serves(name: str, namespace: str) -> bool:
    """Return whether the Workspace is Ready; raises RuntimeError where it needs somebody to act."""
    status = json.loads(command("kubectl", "get", "workspace", name, "-n", namespace, "-ojson")).get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    stalled = conditions.get("Stalled") or {}
    if stalled.get("status") == "True":
        raise RuntimeError(f"{stalled['reason']}: {stalled['message']}")
    return (conditions.get("Ready") or {}).get("status") == "True"


def models(path: str) -> Any:
    """Return the models that a server names; raises RuntimeError where it does not answer in time."""
    end = time.monotonic() + ANSWER_S
    while True:
        try:
            return json.loads(command("kubectl", "get", "--raw", path))["data"]
        except RuntimeError:
            # A pod that is ready becomes an endpoint of its Service a moment later.
            if time.monotonic() >= end:
                raise
            time.sleep(LOOK_S)


def options(description: str | None, *, provisioner: str, report: str) -> argparse.ArgumentParser:
    """Return the options that the script of every cloud has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted = f"a Workspace that serves, with resource.provisioner: {provisioner}"
    parser.add_argument("--workspace", required=True, help=wanted)
    parser.add_argument("--report", default=report, help="where the report goes")
    parser.add_argument("--no-ask", action="store_true", help="do not ask the model")
    parser.add_argument("--yes", action="store_true", help="yes, this costs money")
    return parser


def carry_out(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace, Report], None], payer: str) -> int:
    """Run it with the arguments of the command line; 0 where every step passed. ``payer`` is who pays the machines."""
    arguments = parser.parse_args()
    if not arguments.yes:
        parser.error(f"it has machines made in your {payer}: say --yes")
    report = Report(Path(arguments.report))
    try:
        run(arguments, report)
    except (LLMwrightError, RuntimeError, TimeoutError, OSError, ValueError, KeyError) as error:
        print(f"failed: {error}; the report is {report.file}", file=sys.stderr)
        return 1
    print(f"all passed; the report is {report.file}")
    return 0
