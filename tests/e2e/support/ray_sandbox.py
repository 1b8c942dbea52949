"""The runtime ``ray`` in a sandbox, by the real Ray with one of its engines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
from tests.e2e.support.sandbox import SUPERVISOR, Sandbox
from tests.e2e.support.swapped_runtime import KEY, QUIET, RUNTIMES, SETTINGS
from tests.e2e.support.workspaces import serving_workspace


class RaySandbox(Sandbox):
    """A sandbox whose settings name the program of Ray; ``runtime`` is ``ray`` or ``ray-llm``."""

    def __init__(self, root: Path, runtime: str) -> None:
        super().__init__(root, LLMWRIGHT_API_KEY=KEY, **QUIET)
        self._engine = RUNTIMES.get(runtime, (runtime, "hf"))[1]
        self.write(f"plugins: {{runtime: {{ray: {SETTINGS[runtime]()}}}}}\n", "llmwright.yaml")

    def serve_by_ray(self, more: str = "", options: str = "") -> Path:
        """Write a file that serves the demo model; ``more`` are lines of ``inference``, ``options`` of the runtime."""
        own = f"  runtime: ray\n  runtimeConfig: {{engine: {self._engine}, {options}}}\n"
        return self.write(f"{serving_workspace('mine')}{own}{more}", "mine.yaml")

    def serves(self) -> bool:
        """Whether the Workspace is ready."""
        return self.condition("WorkspaceReady").get("status") == "True"

    def server(self) -> psutil.Process:
        """Return the process that the supervisor started."""
        (supervisor,) = self.processes(SUPERVISOR)
        (server,) = supervisor.children()
        return server

    def parts(self, name: str) -> list[psutil.Process]:
        """Return the processes below the server whose program has ``name``."""
        return [part for part in self.server().children(recursive=True) if name in first_word(part)]


def first_word(process: psutil.Process) -> str:
    """Return the first word of a command, empty for a process that is gone."""
    with contextlib.suppress(psutil.Error):
        return next(iter(process.cmdline()), "")
    return ""


def port_of(process: psutil.Process) -> int | None:
    """Return the port in the flags of a server, None where it has none."""
    words: Iterator[str] = iter(process.cmdline())
    return next((int(next(words)) for word in words if word == "--port"), None)
