"""The glossary has every value and every room, in order, and its links lead to files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "src" / "llmwright"
PAGE = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(r"^\* \*\*(?P<word>[^*]+)\*\*: (?P<text>.+) \[`[^`]+`\]\((?P<link>[^)]+)\)$", re.MULTILINE)


def entries() -> list[re.Match[str]]:
    return list(ENTRY.finditer(PAGE.read_text()))


def words() -> list[str]:
    return [entry["word"].strip("`") for entry in entries()]


def rooms() -> list[str]:
    folders = [f"{file.parent.name}/" for file in CORE.glob("*/__init__.py")]
    return sorted([*folders, "errors.py"])


def value_classes() -> list[str]:
    nodes = [node for file in sorted((CORE / "values").glob("*.py")) for node in ast.parse(file.read_text()).body]
    return [node.name for node in nodes if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def test_every_line_is_an_entry_in_alphabetical_order() -> None:
    assert PAGE.read_text().count("\n* ") == len(entries())
    assert words() == sorted(words(), key=str.lower)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["word"])
def test_an_entry_is_at_most_three_sentences_and_its_link_leads_to_a_file(entry: re.Match[str]) -> None:
    assert len(re.findall(r"[.!?](?= |$)", entry["text"])) <= 3
    assert (PAGE.parent / entry["link"]).exists(), entry["link"]


@pytest.mark.parametrize("room", rooms())
def test_every_room_of_the_core_has_an_entry(room: str) -> None:
    assert room in words()


@pytest.mark.parametrize("name", value_classes())
def test_every_value_has_an_entry(name: str) -> None:
    assert name in words()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_newcomers_find_it(document: str) -> None:
    assert "docs/glossary.md" in (ROOT / document).read_text()
