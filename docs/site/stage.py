"""Lay the site's pages out below ``build/docs``, each at its path in the repository: links that work there work here.

A link to a folder leads to its README. A link to a source file becomes plain text, because the site has no sources. The
changelog shows the unreleased changes too.
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
LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")


def main() -> None:
    """Stage every page, and every file that pages link to or show."""
    shutil.rmtree(STAGE, ignore_errors=True)
    pages, files = _matches(PAGES), _matches(FILES)
    staged = {*pages, *files}
    for path in pages:
        _write(path, _with_links(path, staged))
    for path in files:
        (STAGE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, STAGE / path)
    _write(Path("CHANGELOG.md"), f"{_with_links(Path('CHANGELOG.md'), staged)}\n{_unreleased()}")


def _matches(patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern)})


def _write(path: Path, text: str) -> None:
    (STAGE / path).parent.mkdir(parents=True, exist_ok=True)
    (STAGE / path).write_text(text, encoding="utf-8")


def _with_links(page: Path, staged: set[Path]) -> str:
    def led(match: re.Match[str]) -> str:
        text, link, anchor = match[1], match[2], match[3] or ""
        target = Path(posixpath.normpath(posixpath.join(page.parent.as_posix(), link)))
        exists = (ROOT / target).exists()
        if (ROOT / target).is_dir():
            target, link = target / "README.md", f"{link.rstrip('/')}/README.md"
        return text if exists and target not in staged else f"[{text}]({link}{anchor})"

    return LINK.sub(led, (ROOT / page).read_text(encoding="utf-8"))


def _unreleased() -> str:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
