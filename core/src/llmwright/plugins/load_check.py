"""Loading each plugin in a process of its own, so that a plugin that hangs or crashes does no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from llmwright.plugins.configuration import PluginSettings
from llmwright.plugins.discovery import PluginEntry

TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class LoadCheck:
    """How loading went; ``error`` is empty where it did."""

    entry: PluginEntry
    error: str = ""
    hint: str = ""


def check_loads(
    rows: Iterable[PluginEntry], *, settings: PluginSettings | None = None, timeout_s: float = TIMEOUT_S
) -> tuple[LoadCheck, ...]:
    """Load each usable plugin in a subprocess, hooks with their ``settings``; others are answered with their state."""
    written = json.dumps((settings or {}).get("hook", {}))
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return tuple(pool.map(lambda entry: _check(entry, written, timeout_s), rows))


def _check(entry: PluginEntry, settings: str, timeout_s: float) -> LoadCheck:
    if entry.state != "found":
        return LoadCheck(entry, f"{entry.state}: {entry.detail}")
    argv = [sys.executable, "-m", __name__, entry.kind, entry.name, entry.distribution]
    try:
        # Not as an argument: settings may hold what other users of this machine must not read.
        child = subprocess.run(argv, input=settings, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return LoadCheck(entry, f"did not finish loading within {timeout_s:g} s")
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last = (child.stderr.strip().splitlines() or ["nothing said"])[-1]
        return LoadCheck(entry, f"ended with {child.returncode} while loading: {last}")
    return LoadCheck(entry, answer["error"], answer["hint"])


def main(kind: str, name: str, distribution: str) -> None:
    """Load one plugin and print ``{"error", "hint"}`` as JSON; the settings of hooks come on standard input."""
    from llmwright.errors import LLMwrightError
    from llmwright.plugins.registry import Registry

    # What the plugin prints must not mix with the answer.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    answer = {"error": "", "hint": ""}
    registry = Registry(log=lambda _: None, settings={"hook": json.loads(sys.stdin.read() or "{}")})
    for entry in registry.entries():
        if (entry.kind, entry.name, entry.distribution) == (kind, name, distribution):
            try:
                registry.check(entry)
            except LLMwrightError as error:
                answer = {"error": error.message, "hint": error.hint}
    os.write(answer_to, json.dumps(answer).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
