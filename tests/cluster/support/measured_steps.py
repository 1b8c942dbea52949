"""The time and the memory of each step of a long test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PODS = Path("/sys/fs/cgroup/memory/kubepods/memory.stat")
"""What all pods of the node use together, where control groups have version 1."""
MIB = 1024**2


@dataclass
class Steps:
    """Steps in order: name, seconds, and the most memory that all pods together held (without the page cache)."""

    done: list[tuple[str, float, int]] = field(default_factory=list)
    peak: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside, and print it."""
        self.peak, ended = 0, threading.Event()
        sampler = threading.Thread(target=self._sample, args=(ended,), daemon=True)
        sampler.start()
        started = time.monotonic()
        try:
            yield
        finally:
            ended.set()
            sampler.join()
            took = time.monotonic() - started
            self.done.append((name, took, self.peak))
            print(f"{name}: {took:.1f} s, pods at most {self.peak / MIB:.0f} MiB", flush=True)

    def table(self) -> str:
        """The steps as a Markdown table."""
        rows = [f"| {name} | {took:.1f} | {peak / MIB:.0f} |" for name, took, peak in self.done]
        return "\n".join(["| step | s | MiB of all pods, at most |", "|---|---|---|", *rows])

    def _sample(self, ended: threading.Event) -> None:
        while not ended.wait(0.5):
            self.peak = max(self.peak, resident())


def resident() -> int:
    """Return the bytes that all pods hold now; 0 where they cannot be known."""
    try:
        lines = PODS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("total_rss ")), 0)
