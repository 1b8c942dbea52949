"""Chunks of schedules, each carried out by a process of its own, and what they come to together."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PROPERTY = "schedules"
"""The property of a test's report that holds a ``Chunk``."""

RESULT = re.compile(r"(\d+) schedules, (\d+) failed, digest (\w+); ")


class Chunk(NamedTuple):
    """Some schedules that were carried out; ``seconds`` are of the process that did it."""

    first: int
    number: int
    failed: int
    digest: str
    seconds: float


def carry_out(first: int, count: int, record: Callable[[str, object], None] = lambda *_: None) -> Chunk:
    """Carry out schedules, each that fails as short as it can be made."""
    command = [sys.executable, "-m", "tests.simulation", str(first), str(first + count), "--minimise"]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    result = RESULT.search(done.stdout)
    assert result is not None, done.stdout + done.stderr
    chunk = Chunk(first, int(result[1]), int(result[2]), result[3], time.perf_counter() - began)
    record(PROPERTY, tuple(chunk))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (chunk.number, chunk.failed) == (count, 0)
    return chunk


def summary(chunks: Sequence[Chunk]) -> str:
    """Return in one line how many there were, how many failed, the digest of all, and how many a second."""
    chunks = sorted(chunks)
    count, failed, seconds = (
        sum(c.number for c in chunks),
        sum(c.failed for c in chunks),
        sum(c.seconds for c in chunks),
    )
    digest = hashlib.sha256("".join(chunk.digest for chunk in chunks).encode()).hexdigest()[:16]
    seeds = f"seeds {chunks[0].first} to {chunks[-1].first + chunks[-1].number - 1}"
    rate = f"{seconds:.0f} s in all processes, {count / max(seconds, 0.1):.1f} a second in each"
    return f"{count} schedules ({seeds}): {failed} failed, digest {digest}; {rate}"
