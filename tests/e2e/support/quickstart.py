"""The quickstart, run once, and the memory that it takes."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.e2e.support.sandbox import CommandResult, Sandbox


@dataclass(frozen=True)
class QuickstartRun:
    """The quickstart's one run: its sandbox, how it ended, the memory it took, and the processes it left."""

    sandbox: Sandbox
    result: CommandResult
    peak_bytes: int
    left: list[psutil.Process]

    @property
    def adapter(self) -> Path:
        """The directory that it left the adapter in."""
        return self.sandbox.work / "quickstart-adapter"


def run_quickstart(sandbox: Sandbox) -> QuickstartRun:
    """Run ``llmwright run quickstart.yaml --exit``."""
    with MemoryPeak(sandbox) as peak:
        result = sandbox.run("run", "quickstart.yaml", "--exit")
    return QuickstartRun(sandbox, result, peak.bytes, sandbox.processes_left())


class MemoryPeak(threading.Thread):
    """Samples the memory of all processes of a sandbox; ``bytes`` is the most that they held together."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(daemon=True)
        self._sandbox, self._end = sandbox, threading.Event()
        self.bytes = 0

    def __enter__(self) -> MemoryPeak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        """Sum the resident sets; pages that processes share count for each."""
        while not self._end.wait(0.5):
            self.bytes = max(self.bytes, sum(map(_resident_bytes, self._sandbox.processes())))


def _resident_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
