"""Log files of the processes, one per role and stage: ``tuning.train.log``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from llmwright.lifecycle.observed import ROLES, Role

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
EXCEPTION = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception): \S.*")
"""The last line of a Python traceback."""
VALIDATION = re.compile(r".*: \d+ validation errors? for .*")
"""pydantic's errors, which name field and fault in the lines that follow."""
MOST_EXCEPTIONS = 3
MOST_DETAILS = 2
TAIL_BYTES = 16 * 1024
SUPERVISOR = "supervisor"


def log_file(directory: Path, role: Role, stage: str) -> Path:
    """Return the file that the output of that stage goes to."""
    return directory / f"{role}.{stage}.log"


def progress_file(directory: Path, role: Role, stage: str) -> Path:
    """Return the file that the stage's process appends its progress to, where it brings weights."""
    return directory / f"{role}.{stage}.progress.jsonl"


def log_files(directory: Path, stage: str | None = None) -> list[Path]:
    """Return the log files in the order of the lifecycle.

    ``stage`` chooses those of a role (``tuning``), of a stage (``fetch``) or of both (``tuning.fetch``). The
    supervisor's own log is there only where it is asked for.
    """
    # Regular files alone: to read a pipe in the place of one would never end.
    files = sorted((path for path in directory.glob("*.log") if path.is_file()), key=_order)
    if stage is None:
        return [path for path in files if path.stem != SUPERVISOR]
    return [path for path in files if stage in (path.stem, path.stem.partition(".")[0], path.stem.partition(".")[2])]


def error_text(path: Path, start: int) -> str:
    """Return what a process wrote from its last ``error:`` line on, else its exceptions, else its last line.

    The cause comes before what followed from it: where a child of the process died, the process itself says only that.
    ``start`` is in bytes.
    """
    lines = _last_lines(path, start)
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].lower().startswith("error:"):
            return " ".join(lines[index:])[len("error:") :].strip()
    exceptions = [*dict.fromkeys(_exceptions(lines))]
    if exceptions:
        return "; ".join(exceptions[-MOST_EXCEPTIONS:])
    return lines[-1] if lines else ""


def _exceptions(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if EXCEPTION.fullmatch(line):
            details = lines[number + 1 : number + 1 + MOST_DETAILS] if VALIDATION.fullmatch(line) else ()
            yield " ".join((line, *details))


def last_lines_contain(path: Path, start: int, text: str) -> bool:
    """Return whether ``text``, in lower case, is in the last 16 KiB after byte ``start``, whatever its case there."""
    return any(text in line.lower() for line in _last_lines(path, start))


def follow(files: Callable[[], list[Path]], going_on: Callable[[], bool], step_s: float = 0.2) -> Iterator[str]:
    """Iterate over the lines as they are written, of new files too, until ``going_on`` returns false."""
    offsets: dict[Path, int] = {}
    while True:
        # Asked before the files are read: else the last lines, written in between, are lost.
        last = not going_on()
        for path in files():
            lines, offsets[path] = _new_lines(path, offsets.get(path, 0), whole=not last)
            yield from lines
        if last:
            return
        time.sleep(step_s)


def _order(path: Path) -> tuple[int, float, str]:
    role = path.stem.partition(".")[0]
    position = next((index for index, known in enumerate(ROLES) if known == role), len(ROLES))
    return position, _written_at(path), path.name


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        # It is gone since it was listed: its Workspace is being deleted.
        return 0.0


def _last_lines(path: Path, start: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in (ESCAPES.sub("", part).strip() for part in re.split(r"[\r\n]+", text)) if line]


def _new_lines(path: Path, offset: int, *, whole: bool) -> tuple[list[str], int]:
    """Return the lines after ``offset`` and where they end; ``whole`` leaves out a line that has no end yet."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    if whole:
        content = content[: content.rfind(b"\n") + 1]
    return content.decode(errors="replace").splitlines(), offset + len(content)
