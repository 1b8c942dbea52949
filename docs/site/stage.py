"""Lay the site's pages out below ``build/docs``, each at its path in the repository: links that work there work here.

A link to a folder leads to its README, and the changelog shows what no release has yet.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGE = ROOT / "build/docs"
PAGES = (
    "*.md",
    "docs/**/*.md",
    "examples/**/README.md",
    "core/README.md",
    "presets/README.md",
    "plugins/*/README.md",
    "changelog.d/README.md",
)
FILES = ("LICENSE", "docs/images/*", "docs/site/*.css", "examples/**/*.yaml")
LINK = re.compile(r"(\]\()([^)#:\s]+)(?=[)#])")


def main() -> None:
    """Stage every page, and every file that pages link to or show."""
    shutil.rmtree(STAGE, ignore_errors=True)
    for path in _matches(PAGES):
        _write(path, _led_to_readmes(path))
    for path in _matches(FILES):
        (STAGE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, STAGE / path)
    _write(Path("CHANGELOG.md"), f"{_led_to_readmes(Path('CHANGELOG.md'))}\n{_unreleased()}")


def _matches(patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern)})


def _write(path: Path, text: str) -> None:
    (STAGE / path).parent.mkdir(parents=True, exist_ok=True)
    (STAGE / path).write_text(text, encoding="utf-8")


def _led_to_readmes(path: Path) -> str:
    def readme(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(path.parent.as_posix(), match[2]))
        return f"{match[1]}{match[2].rstrip('/')}/README.md" if (ROOT / target).is_dir() else match[0]

    return LINK.sub(readme, (ROOT / path).read_text(encoding="utf-8"))


def _unreleased() -> str:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
