"""Processes of a Launch, started on this machine as the local target starts them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.child import Child, spawn
from llmwright.values.launch import Launch, Process, Volume

PATIENCE_S = 300.0
"""How long a process may take to become ready or to end. No law asks for less: a slow machine is no fault."""

STEP_S = 0.02
HOLD = Path(__file__).with_name("hold")
"""A folder whose ``sitecustomize`` holds up a Python process that reads the weights."""


@dataclass
class Machine:
    """A folder of this machine in which Launches run. ``directories`` stand for volumes, by name."""

    folder: Path
    host: str = "127.0.0.1"
    directories: Mapping[str, Path] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    first_on_path: tuple[str, ...] = ()

    def start(self, launch: Launch, process: Process, ports: Mapping[str, int] | None = None) -> Running:
        """Start one process of ``launch``."""
        placed = [self._placed(volume) for volume in _volumes(launch, process)]
        launch = replace(launch, volumes=tuple(placed))
        # As this process finds its modules: the workload half may lie beside a test that is not installed.
        path = os.pathsep.join((*self.first_on_path, *filter(None, sys.path)))
        environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": path, **self.environ}
        scratch = self.folder / "volumes"
        scratch.mkdir(parents=True, exist_ok=True)
        options, mark = LocalOptions(host=self.host), str(self.folder)
        context = LaunchContext.of(options, scratch=scratch, mark=mark, base_directory=self.folder, config_files={})
        context = replace(context, environ=environ)
        context.volumes.prepare(launch)
        resolved = context.resolve(launch, process, ports or {})
        log = self.folder / f"{process.name}.log"
        start = log.stat().st_size if log.exists() else 0
        return Running(spawn(resolved.argv, context.environment(resolved), log, scratch), log, start)

    def run(self, launch: Launch, process: Process, patience_s: float = PATIENCE_S) -> Ended:
        """Run one process of ``launch`` to its end."""
        return self.start(launch, process).ended(patience_s)

    def _placed(self, volume: Volume) -> Volume:
        directory = self.directories.get(volume.name)
        return volume if directory is None else Volume(name=volume.name, kind="directory", source=str(directory))


@dataclass(frozen=True)
class Ended:
    """The end of a process: its exit code, negative for a signal, and all that it wrote."""

    code: int
    text: str

    @property
    def last(self) -> str:
        """The last line."""
        return (self.text.strip().splitlines() or ["it wrote nothing"])[-1]


@dataclass(frozen=True)
class Running:
    """A started process, and the file that it writes to."""

    child: Child
    log: Path
    start: int = 0

    @property
    def text(self) -> str:
        """All that it wrote so far."""
        return self.log.read_bytes()[self.start :].decode(errors="replace")

    def until(self, happened: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until ``happened``.

        Raises:
            AssertionError: the process ended before, or it takes too long.
        """
        end = time.monotonic() + patience_s
        while not happened():
            code = self.child.exit_code()
            assert code is None, f"{what}: the process ended with {code}: {Ended(code or 0, self.text).last}"
            assert time.monotonic() < end, f"{what}: not within {patience_s:.0f} s: {Ended(0, self.text).last}"
            time.sleep(STEP_S)

    def ended(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end.

        Raises:
            AssertionError: it does not end.
        """
        end = time.monotonic() + patience_s
        while (code := self.child.exit_code()) is None:
            if time.monotonic() >= end:
                self.kill()
                raise AssertionError(f"it does not end: not within {patience_s:.0f} s; {Ended(0, self.text).last}")
            time.sleep(STEP_S)
        return Ended(code, self.text)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.child.signal(signal.SIGKILL)
        self.child.popen.wait()


def free_port(host: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _volumes(launch: Launch, process: Process) -> tuple[Volume, ...]:
    """Return the declared volumes, and scratch for those that the core would declare."""
    declared = {volume.name for volume in launch.volumes}
    mounted = {mount.volume for each in (*launch.processes, process) for mount in each.mounts}
    return (*launch.volumes, *(Volume(name=name) for name in sorted(mounted - declared)))
