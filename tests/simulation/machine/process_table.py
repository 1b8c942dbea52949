"""Processes of a simulated machine: servers that bind late, tuners that keep checkpoints, and how they end."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llmwright.targets.local.process.child import MARK
from llmwright.testing.simulation.timeline import Timeline

FIRST_PORT = 20_000
STEPS = 4
LATEST_EXIT_S = 30.0


USERS_MISTAKE = 2
"""The exit code of a program that only its user can help."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A failure that stays: which ``process`` ends with which ``code`` and last ``line``, and what a status names."""

    process: str
    code: int
    line: str
    reasons: frozenset[str]


CRASHES = frozenset({"ProcessFailed", "ContainerCrashLoopBackOff"})
DEFECTS: Mapping[str, Defect] = {
    "bad model": Defect("serve", USERS_MISTAKE, "config.json is damaged", frozenset({"InvalidInput"})),
    "broken GPU": Defect("serve", 1, "no CUDA-capable device is detected", CRASHES),
    "taken port": Defect("serve", 1, "Address already in use", frozenset({"PortTaken"})),
    "bad data": Defect("train", USERS_MISTAKE, "train.jsonl, line 3: no text", frozenset({"InvalidInput"})),
    "bad login": Defect("check", USERS_MISTAKE, "the token is not valid", frozenset({"InvalidInput"})),
    "refused push": Defect("push", 1, "403: no right to push", frozenset({"ProcessFailed"})),
}


@dataclass(eq=False)
class Simulated:
    """One process. ``group`` is its process group, ``code`` its exit code once it has ended."""

    pid: int
    group: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    created: float
    parent: int = 0
    threads: str = ""
    code: int | None = None
    killed: bool = False
    deaf_s: float = 0.0
    port: int | None = None
    log: Path | None = None

    @property
    def mark(self) -> str:
        """The Workspace that it belongs to."""
        return self.env.get(MARK, "")

    @property
    def runs(self) -> bool:
        """Whether it executes anything: a process that was killed and is not gone yet does not."""
        return self.code is None and not self.killed


@dataclass
class Chances:
    """How often a process misbehaves."""

    crash: float = 0.0
    stolen: float = 0.0
    deaf: float = 0.0
    late: float = 0.0


@dataclass
class ProcessTable:
    """All processes of one machine, and what they did wrong."""

    timeline: Timeline
    chances: Chances = field(default_factory=Chances)
    processes: dict[int, Simulated] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    boot: str = "boot 1"
    crashes: int = 0
    _pid: int = 100

    def add(self, argv: tuple[str, ...], env: Mapping[str, str], *, parent: int = 0, group: int = 0) -> Simulated:
        """Add a process that does nothing yet."""
        self._pid += 1
        created = self.timeline.datetime().timestamp()
        process = Simulated(self._pid, group or self._pid, argv, env, created, parent)
        self.processes[process.pid] = process
        return process

    def alive(self) -> Iterator[Simulated]:
        """Iterate over the processes that have not ended."""
        return (process for process in [*self.processes.values()] if process.code is None)

    def owner(self, port: int) -> Simulated | None:
        """Return the process that listens on ``port``."""
        return next((process for process in self.alive() if process.port == port and not process.killed), None)

    def begin(self, process: Simulated) -> None:
        """Have a child of a supervisor do what its arguments say."""
        random = self.timeline.random
        process.deaf_s = random.uniform(0.0, 40.0) if random.random() < self.chances.deaf else random.uniform(0.0, 1.0)
        for other in self.alive():
            pair = (other.argv[0], process.argv[0])
            same = other is not process and other.mark == process.mark and other.runs
            # Each frees the machine for the other first.
            if same and pair in (("serve", "serve"), ("train", "train"), ("serve", "train"), ("train", "serve")):
                self.troubles.append(f"{pair} run at once for {process.mark} at {self.timeline.now:.2f} s")
        work = {"serve": self._serve, "train": self._train}.get(process.argv[0], self._end_well)
        self.timeline.spawn(lambda: work(process), process.argv[0], f"process {process.pid}")

    def end(self, process: Simulated, code: int, *, at_once: bool = False) -> None:
        """End a process: its threads at once, the rest of it a moment later where the kernel takes its time."""
        if process.code is not None or process.killed:
            return
        process.killed, process.port = True, None
        if process.threads:
            self.timeline.end(process.threads)
        self.timeline.end(f"process {process.pid}")
        late = self.timeline.random.random() < self.chances.late and not at_once
        if late:
            seconds = self.timeline.random.uniform(0.0, 3.0)
            self.timeline.spawn(lambda: self._end_late(process, code, seconds), "late exit", "world")
        else:
            self._gone(process, code)

    def signal(self, process: Simulated, number: int) -> None:
        """Send a signal to one process."""
        if number == signal.SIGKILL:
            self.end(process, -9)
        elif number == signal.SIGTERM and process.runs:
            self.timeline.spawn(lambda: self._end_late(process, -15, process.deaf_s), "sigterm", "world")

    def reboot(self) -> None:
        """End everything; later processes get the same numbers, and strangers are among them."""
        for process in [*self.alive()]:
            process.argv = ("ended by the reboot",)
            self.end(process, -9, at_once=True)
        self.boot, self._pid = f"{self.boot}+", 100
        self.processes = {process.pid: process for process in self.processes.values() if process.code is None}
        for _ in range(20):
            self.add(("stranger",), {})

    def _end_late(self, process: Simulated, code: int, seconds: float) -> None:
        self.timeline.pause(seconds)
        if process.killed:
            self._gone(process, code)
        else:
            self.end(process, code)

    def _gone(self, process: Simulated, code: int) -> None:
        process.code = code
        if process.argv[0] == "stranger":
            self.troubles.append(f"a stranger's process {process.pid} was ended")
        for child in [*self.alive()]:
            # As the kernel does for those who asked for it (PR_SET_PDEATHSIG); helpers of a child did not.
            if child.parent == process.pid and process.threads:
                self.end(child, -9)

    # What the programs do.

    def _exits(self, process: Simulated, code: int, line: str) -> None:
        # A log that was damaged since is still open in the process, and its lines go nowhere.
        if process.log is not None and line and process.log.is_file():
            with process.log.open("a") as log:
                log.write(f"{line}\n")
        if code == 1:
            self.crashes += 1
        process.killed = True
        self._gone(process, code)

    def _maybe_crash(self, process: Simulated) -> bool:
        if self.timeline.random.random() >= self.chances.crash:
            return False
        self._exits(process, 1, "error: crashed")
        return True

    def _fails(self, process: Simulated) -> bool:
        """End the process as its defect says."""
        defect = DEFECTS.get(process.argv[-1])
        if defect is None or defect.process != process.argv[0] or process.argv[-1] == "taken port":
            return False
        self._exits(process, defect.code, f"error: {defect.line}")
        return True

    def _end_well(self, process: Simulated) -> None:
        """Do what preflight or delivery does."""
        self.timeline.pause(self.timeline.random.uniform(0.1, 1.0))
        if not self._fails(process) and not self._maybe_crash(process):
            self._exits(process, 0, "")

    def _serve(self, process: Simulated) -> None:
        port = int(process.argv[1])
        stays = process.argv[-1] == "taken port"
        if (stays or self.timeline.random.random() < self.chances.stolen) and self.owner(port) is None:
            thief = self.add(("thief",), {})
            thief.port = port
            seconds = 3600.0 if stays else self.timeline.random.uniform(1.0, 60.0)
            self.timeline.spawn(lambda: self._end_late(thief, 0, seconds), "thief", "world")
        self.timeline.pause(self.timeline.random.uniform(0.1, 5.0))
        if self._fails(process):
            return
        if self.owner(port) is not None:
            self._exits(process, 2, f"error: cannot listen on port {port}: Address already in use")
            return
        process.port = port
        while not self._maybe_crash(process):
            self.timeline.pause(self.timeline.random.uniform(1.0, 60.0))

    def _train(self, process: Simulated) -> None:
        results, version = Path(process.argv[1]), process.argv[2]
        checkpoint = results / "checkpoint"
        self.add(("helper",), process.env, parent=process.pid, group=process.group)
        step = 0
        if self._fails(process):
            return
        if checkpoint.exists():
            found = json.loads(checkpoint.read_text())
            step = found["step"]
            if found["version"] != version:
                self.troubles.append(f"tuning {version} took up a checkpoint of {found['version']}")
        while step < STEPS:
            self.timeline.pause(self.timeline.random.uniform(0.2, 2.0))
            if self._maybe_crash(process):
                return
            step += 1
            checkpoint.write_text(json.dumps({"version": version, "step": step}))
        (results / "adapter").write_text(version)
        self._exits(process, 0, "")
