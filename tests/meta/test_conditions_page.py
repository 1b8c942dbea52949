"""``docs/conditions.md`` tells of every condition and reason that there is, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmwright.lifecycle.node_conditions import REASONS as OF_FAILURES
from llmwright.targets.kubernetes.operator.cache.children import EVENT_REASONS as OF_EVENTS
from llmwright.targets.kubernetes.operator.observe.pod_causes import ORDER

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/conditions.md").read_text()
CONDITIONS, OF_PAGE = PAGE.split("## Reasons")
ROW = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)
WAITING = re.compile(r"Waiting\(\s*\"([A-Z]\w+)\"")
SET = re.compile(r"(?:conditions\.set\(\s*|KIND = )\"([A-Z]\w+)\"")


@pytest.fixture(scope="module")
def sources() -> str:
    """The code of the control half; what tests of plugins fake is no reason of ours."""
    files = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    return "\n".join(file.read_text() for file in files if {"testing", "templates"}.isdisjoint(file.parts))


def named(text: str) -> set[str]:
    """The words in the first column of its table."""
    return {word for row in ROW.findall(text) for word in re.findall(r"`(\w+)`", row)}


def test_every_reason_is_explained(sources: str) -> None:
    found = {*ORDER, *OF_EVENTS, *OF_FAILURES.values(), *WAITING.findall(sources)}
    assert found - named(OF_PAGE) == set()


def test_every_condition_is_explained() -> None:
    lifecycle = "".join(file.read_text() for file in ROOT.glob("core/src/llmwright/lifecycle/*.py"))
    assert set(SET.findall(lifecycle)) - named(CONDITIONS) == set()


def test_what_is_explained_is_there(sources: str) -> None:
    assert {word for word in named(PAGE) if f'"{word}"' not in sources} == set()
