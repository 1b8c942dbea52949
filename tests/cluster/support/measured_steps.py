"""The time and the memory of each step of a long test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.cluster.support.node_keeper import programs_of

PODS = Path("/sys/fs/cgroup/memory/kubepods/memory.stat")
"""What all pods of the node use together, where control groups have version 1."""
MIB = 1024**2


@dataclass
class Steps:
    """Steps in order: name, seconds, and the most memory that all pods together held, and the programs of their node.

    ``folder`` is the node's. The page cache does not count.
    """

    folder: Path
    done: list[tuple[str, float, int, int]] = field(default_factory=list)
    pods: int = 0
    programs: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside, and print it."""
        self.pods, self.programs, ended = 0, 0, threading.Event()
        sampler = threading.Thread(target=self._sample, args=(ended,), daemon=True)
        sampler.start()
        started = time.monotonic()
        try:
            yield
        finally:
            ended.set()
            sampler.join()
            took = time.monotonic() - started
            self.done.append((name, took, self.pods, self.programs))
            most = f"pods at most {self.pods / MIB:.0f} MiB, the node's programs {self.programs / MIB:.0f} MiB"
            print(f"{name}: {took:.1f} s, {most}", flush=True)

    def table(self) -> str:
        """The steps as a Markdown table."""
        rows = [
            f"| {name} | {s:.1f} | {pods / MIB:.0f} | {programs / MIB:.0f} |" for name, s, pods, programs in self.done
        ]
        head = "| step | s | MiB of all pods, at most | of kubelet, containerd and kube-proxy |"
        return "\n".join([head, "|---|---|---|---|", *rows])

    def _sample(self, ended: threading.Event) -> None:
        known, over = programs_of(self.folder), False
        while not over:
            self.pods = max(self.pods, resident())
            self.programs = max(self.programs, sum(map(_held, known)))
            over = ended.wait(0.5)


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def resident() -> int:
    """Return the bytes that all pods hold now; 0 where they cannot be known."""
    try:
        lines = PODS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("total_rss ")), 0)
