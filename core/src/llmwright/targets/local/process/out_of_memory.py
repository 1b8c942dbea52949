"""Evidence that the kernel ended a process for want of memory."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
"""The whole machine's count, and that of this process's own limit (control groups version 2 and 1)."""

COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def out_of_memory_kills(sources: tuple[Path, ...] = SOURCES) -> int:
    """How often it happened so far; comparing before and after tells. 0 where the kernel does not say."""
    return sum(_count(path) for path in sources)


def _count(path: Path) -> int:
    try:
        found = COUNT.search(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return 0
    return int(found[1]) if found else 0
