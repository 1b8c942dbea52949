"""Runs one role: starts the process that is due, sees that it ended, probes a server, stops on request."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from llmwright.errors import TargetError
from llmwright.plugins.weights import DOWNLOADS
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.launch.run_transitions import (
    ProcessExit,
    after_exit,
    after_probe,
    after_refused_start,
    after_start,
)
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.child import Child, spawn
from llmwright.targets.local.process.log_files import error_text, last_lines_contain, log_file, progress_file
from llmwright.targets.local.process.out_of_memory import out_of_memory_kills
from llmwright.targets.local.process.ports import PortNumbers, is_strangers
from llmwright.targets.local.process.probes import Prober, Submit, passes
from llmwright.targets.local.store.private_files import make_folder_in_place
from llmwright.targets.local.store.supervisor_record import RoleRun
from llmwright.values.launch import HttpGet, Probe, Process

PROGRESS_VARIABLE = "LLMWRIGHT_PROGRESS"
"""Names the file to which ``llmwright.artifacts`` appends its progress."""
PORT_TAKEN = "address already in use"


@dataclass(slots=True)
class _Running:
    """The process of the present stage. ``log_start`` and ``memory_kills`` are from before its start."""

    child: Child
    log: Path
    log_start: int
    memory_kills: int
    prober: Prober | None = None
    kill_at: float | None = None


class RoleRunner:
    """Runs one role on this machine. ``save`` is called after each change that has to outlive this process."""

    def __init__(
        self, run: RoleRun, context: LaunchContext, options: LocalOptions, logs: Path, ports: dict[str, int],
        submit: Submit, save: Callable[[], None],
    ) -> None:  # fmt: skip
        self.run = run
        self._context, self._options, self._logs = context, options, logs
        self._ports = PortNumbers(run.role, ports, options)
        self._submit, self._save = submit, save
        self._running: _Running | None = None

    @property
    def stopped(self) -> bool:
        """Whether ``stop`` was called and the process has ended."""
        return self.run.phase == "stopping" and self._running is None

    @property
    def endpoint(self) -> str | None:
        """The server's URL, None without one."""
        number = self._numbers().get("http")
        address = self._options.address
        return f"http://{f'[{address}]' if ':' in address else address}:{number}" if number else None

    def stop(self) -> None:
        """Send SIGTERM to the process, and SIGKILL from ``step`` once the grace is over."""
        if self.run.phase == "stopping":
            return
        # Recorded before the signal: else a supervisor lost in between has the process started again by the next one.
        self._change(replace(self.run, phase="stopping"))
        if self._running is not None:
            self._running.kill_at = time.monotonic() + self._options.grace_s
            self._running.child.signal(signal.SIGTERM)

    def step(self) -> None:
        """Do what is due now, without waiting."""
        if self._running is not None:
            self._watch(self._running)
        if self._running is None and self.run.phase == "waiting" and self.run.due <= datetime.now(UTC):
            self._start()

    def due_in_s(self) -> float | None:
        """Return the seconds until ``step`` is due again, None where only an event makes it due."""
        if self._running is not None:
            return self._options.tick_s
        if self.run.phase == "waiting":
            return max((self.run.due - datetime.now(UTC)).total_seconds(), 0.0)
        return None

    def _change(self, run: RoleRun) -> None:
        if run != self.run:
            self.run = run
            self._save()

    def _start(self) -> None:
        launch = self.run.launch
        try:
            self._context.volumes.prepare(launch)
            self._ports.assign(launch.ports)
            process = self._context.resolve(launch, self.run.process, self._numbers())
            env = self._context.environment(process)
        except TargetError as error:
            self._change(after_refused_start(self.run, error.reason, error.message, datetime.now(UTC), self._options))
            return
        try:
            self._spawn(process, env)
        except OSError as error:
            self._ended(ProcessExit(code=1, error=f"{process.name} cannot be started: {error.strerror}"))

    def _spawn(self, process: Process, env: Mapping[str, str]) -> None:
        make_folder_in_place(self._logs)
        log = log_file(self._logs, self.run.role, process.name)
        start = log.stat().st_size if log.exists() else 0
        kills = out_of_memory_kills()
        if process.name in DOWNLOADS:
            progress = progress_file(self._logs, self.run.role, process.name)
            # That of an earlier start would be taken for this one's.
            progress.unlink(missing_ok=True)
            env = {**env, PROGRESS_VARIABLE: str(progress)}
        umask = self._context.umask(self.run.launch, process)
        child = spawn(process.argv, env, log, self._context.volumes.scratch, umask)
        self._running = _Running(child, log, start, kills)
        if self.run.is_server:
            self._running.prober = Prober(process, partial(self._passes, env), self._submit, time.monotonic())
        # A supervisor lost before this record leaves a process without a known pid: it is identified by its mark.
        self._change(after_start(self.run, child.pid, child.created, datetime.now(UTC)))

    def _passes(self, env: Mapping[str, str], probe: Probe) -> bool:
        if not passes(probe.check, probe.timeout_s, self._options.address, self._numbers(), env):
            return False
        # Another program that took the port before this server could would answer in its place.
        port = self._numbers().get(probe.check.port) if isinstance(probe.check, HttpGet) else None
        return port is None or self.run.phase == "ready" or not is_strangers(port, self._context.mark)

    def _watch(self, running: _Running) -> None:
        code = running.child.exit_code()
        if code is not None:
            self._running = None
            if self.run.phase != "stopping":
                self._ended(self._exit(running, code))
            return
        if running.kill_at is not None:
            if time.monotonic() >= running.kill_at:
                running.child.signal(signal.SIGKILL)
        elif running.prober is not None:
            self._probe(running, running.prober)

    def _probe(self, running: _Running, prober: Prober) -> None:
        state = prober.poll(time.monotonic())
        if state == "dead":
            # The phase stays: only `stop` records ``stopping``, and this end has to count as a failure.
            running.child.signal(signal.SIGTERM)
            running.kill_at = time.monotonic() + self._options.grace_s
        self._change(after_probe(self.run, state == "ready", datetime.now(UTC)))

    def _exit(self, running: _Running, code: int) -> ProcessExit:
        if running.kill_at is not None:
            return ProcessExit(code=1, error=f"{self.run.process.name} did not answer its probes and was ended")
        return ProcessExit(
            code=code,
            error=error_text(running.log, running.log_start),
            out_of_memory=code == -signal.SIGKILL and out_of_memory_kills() > running.memory_kills,
            port_taken=self.run.is_server
            and code > 0
            and last_lines_contain(running.log, running.log_start, PORT_TAKEN),
        )

    def _ended(self, end: ProcessExit) -> None:
        if end.port_taken:
            # Before the run is recorded as waiting: the next start assigns others only where these are forgotten.
            self._ports.forget(self.run.launch.ports)
        self._change(after_exit(self.run, end, datetime.now(UTC), self._options))

    def _numbers(self) -> dict[str, int]:
        return self._ports.of(self.run.launch.ports)
