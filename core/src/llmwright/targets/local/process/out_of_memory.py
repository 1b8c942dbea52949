"""The kernel's count of processes that it killed for want of memory."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
"""The whole machine's count, and that of this process's own limit (control groups version 2 and 1)."""

COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def out_of_memory_kills(sources: tuple[Path, ...] = SOURCES) -> int:
    """Return the number of kills so far, to be compared before and after; 0 where the kernel does not count."""
    return sum(_count(path) for path in sources)


def _count(path: Path) -> int:
    try:
        match = COUNT.search(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return 0
    return int(match[1]) if match else 0
