"""The processes' own words: one file per role and stage."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from llmwright.lifecycle.observed import ROLES, Role

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TAIL_BYTES = 16 * 1024
SUPERVISOR = "supervisor"


def log_file(directory: Path, role: Role, stage: str) -> Path:
    """Where that stage's output goes."""
    return directory / f"{role}.{stage}.log"


def log_files(directory: Path, stage: str | None = None) -> list[Path]:
    """Those that exist in the order of the lifecycle; ``stage`` picks a role, a stage or both (``tuning.fetch``)."""
    found = sorted(directory.glob("*.log"), key=_order)
    if stage is None:
        return [path for path in found if path.stem != SUPERVISOR]
    return [path for path in found if stage in (path.stem, path.stem.partition(".")[0], path.stem.partition(".")[2])]


def last_words(path: Path, start: int) -> str:
    """What a process said last after byte ``start``: from its last ``error:`` line on, else its last line."""
    lines = _lines(path, start)
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].lower().startswith("error:"):
            return " ".join(lines[index:])[len("error:") :].strip()
    return lines[-1] if lines else ""


def says(path: Path, start: int, text: str) -> bool:
    """Whether ``text`` is among a process's last words, whatever its case."""
    return any(text in line.lower() for line in _lines(path, start))


def follow(files: Callable[[], list[Path]], going_on: Callable[[], bool], step_s: float = 0.2) -> Iterator[str]:
    """Lines of the files as they are written, new files too, for as long as ``going_on`` says."""
    offsets: dict[Path, int] = {}
    while True:
        last = not going_on()
        for path in files():
            lines, offsets[path] = _new_lines(path, offsets.get(path, 0), whole=not last)
            yield from lines
        if last:
            return
        time.sleep(step_s)


def _order(path: Path) -> tuple[int, float, str]:
    role = path.stem.partition(".")[0]
    place = next((index for index, known in enumerate(ROLES) if known == role), len(ROLES))
    return place, path.stat().st_mtime, path.name


def _lines(path: Path, start: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in (ESCAPES.sub("", part).strip() for part in re.split(r"[\r\n]+", text)) if line]


def _new_lines(path: Path, offset: int, *, whole: bool) -> tuple[list[str], int]:
    """Lines after ``offset`` and where they end; a line still being written waits where ``whole``."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    if whole:
        content = content[: content.rfind(b"\n") + 1]
    return content.decode(errors="replace").splitlines(), offset + len(content)
