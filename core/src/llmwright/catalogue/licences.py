"""The licence of a model's weights: where it stands, and whether it lets everybody hand on copies.

Names are those of the hub (https://huggingface.co/docs/hub/repositories-licenses).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from llmwright.errors import InvalidWorkspace
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.yaml_reader import read

CARD = "README.md"

OPEN = frozenset({
    "afl-3.0", "apache-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "isc", "mit", "openmdw-1.0", "openmdw-1.1", "unlicense", "wtfpl",
    "zlib",
})  # fmt: skip
"""Licences that let everybody hand on copies, with no more than the notice that lies beside the weights.

Others let nobody do so, or only whom their conditions fit: the user's place, use and size. So a person decides there.
"""


def may_be_copied(license_: str) -> bool:
    """Whether the licence is known to let everybody hand on copies."""
    return license_.lower() in OPEN


def licence_of_card(directory: Path) -> str:
    """Return the licence that the model's card names; empty where there is no card, or none in it.

    The card is ``README.md``, with YAML between two lines ``---`` (https://huggingface.co/docs/hub/model-cards).
    """
    with suppress(OSError, Unreadable, InvalidWorkspace):
        text = read_text(directory / CARD)
        start, _, rest = text.partition("---\n")
        front, mark, _ = rest.partition("\n---")
        if not start.strip() and mark:
            return _licence(front)
    return ""


def _licence(front: str) -> str:
    readings = read(front, CARD)
    about: Any = readings[0].data if readings else None
    if not isinstance(about, dict):
        return ""
    named = about.get("license_name") if about.get("license") == "other" else about.get("license")
    return named[:200] if isinstance(named, str) else ""
