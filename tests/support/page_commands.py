"""The commands of a documentation page, as a reader copies them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^ *```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
VALUES = re.compile(r"^```yaml\n(# values.yaml\n.*?)^```$", re.MULTILINE | re.DOTALL)
CONTINUED = re.compile(r"\\\n\s*")


def sections(page: str) -> dict[str, str]:
    """Return the text of each section of a page by its heading of the second level."""
    _, *parts = re.split(r"^## (.*)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands(page: str, section: str) -> list[str]:
    """Return the commands of a section in their order, each in one line and without its remark."""
    found = []
    for block in BLOCK.findall(sections(page)[section]):
        lines = CONTINUED.sub(" ", block).splitlines()
        found += [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]
    return [re.sub(r"\s+#\s.*$", "", line) for line in found]


def values(page: str) -> dict[str, str]:
    """Return each section's file ``values.yaml``."""
    found = {section: VALUES.search(text) for section, text in sections(page).items()}
    return {section: match[1] for section, match in found.items() if match}
