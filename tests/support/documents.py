"""The repository's documents, and the fenced blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "core/*.md", "presets/*.md", "plugins/*/*.md")
    for file in ROOT.glob(pattern)
)
FENCE = re.compile(
    r"(?:<!-- (?P<mark>run[\w ]*) -->\n+)?"
    r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    ``mark`` is the text of the comment before it, such as ``run``; ``title`` is the path of the file that it shows.
    """

    language: str
    text: str
    mark: str
    title: str


def blocks(document: Path) -> Iterator[Block]:
    """Each fenced block of ``document``, in order."""
    for match in FENCE.finditer(document.read_text(encoding="utf-8")):
        yield Block(match["language"], match["text"], match["mark"] or "", match["title"] or "")


def script(document: Path, mark: str) -> str:
    """All blocks of ``document`` with this mark, as one script."""
    return "\n".join(block.text for block in blocks(document) if block.mark == mark)


def name(document: Path) -> str:
    """The document's path in the repository."""
    return str(document.relative_to(ROOT))
