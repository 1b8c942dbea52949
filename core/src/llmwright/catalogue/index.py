"""``python -m llmwright.catalogue.index DIRECTORY…``: write each directory's ``index.json`` from its YAML files."""

from __future__ import annotations

import sys
from pathlib import Path

from llmwright.catalogue.pack import INDEX, make_index
from llmwright.errors import LLMwrightError


def main(arguments: list[str]) -> int:
    """Return exit code 0, or 2 after one line on standard error where a file cannot be read."""
    try:
        for directory in map(Path, arguments):
            (directory / INDEX).write_text(make_index(directory.glob("*.yaml")), encoding="utf-8")
    except (LLMwrightError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
