"""Carries one role's run along: starts what is due, sees what ended, probes what serves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from llmwright.errors import TargetError
from llmwright.targets.local.launch.context import Place
from llmwright.targets.local.launch.run_transitions import Exit, Run, answered, exited, refused, spawned
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.child import Child, spawn
from llmwright.targets.local.process.logs import last_words, log_file, says
from llmwright.targets.local.process.out_of_memory import out_of_memory_kills
from llmwright.targets.local.process.ports import free_port, is_free
from llmwright.targets.local.process.probes import Prober, Submit, ask
from llmwright.values.launch import Probe, Process

PORT_TAKEN = "address already in use"


@dataclass(slots=True)
class _Alive:
    """The process of the present stage, and what is needed to judge its end."""

    child: Child
    log: Path
    log_start: int
    memory_kills: int
    prober: Prober | None = None
    kill_at: float | None = None


class Runner:
    """One role on this machine. ``save`` is called after each change that must outlive this process."""

    def __init__(
        self, run: Run, place: Place, options: LocalOptions, logs: Path, ports: dict[str, int], submit: Submit,
        save: Callable[[], None],
    ) -> None:  # fmt: skip
        self.run = run
        self._place, self._options, self._logs = place, options, logs
        self._ports, self._submit, self._save = ports, submit, save
        self._alive: _Alive | None = None

    @property
    def gone(self) -> bool:
        """Whether a stop was asked for and is complete."""
        return self.run.phase == "stopping" and self._alive is None

    @property
    def endpoint(self) -> str | None:
        """Where the server answers, None for a run without one."""
        number = self._numbers().get("http")
        address = self._options.address
        return f"http://{f'[{address}]' if ':' in address else address}:{number}" if number else None

    def stop(self) -> None:
        """Ask the processes to end, and see to it after the grace."""
        if self.run.phase == "stopping":
            return
        self._change(replace(self.run, phase="stopping"))
        if self._alive is not None:
            grace = self._options.grace_s
            self._alive.kill_at = time.monotonic() + grace
            self._alive.child.signal(signal.SIGTERM)

    def step(self) -> None:
        """Do what is due now; never waits."""
        if self._alive is not None:
            self._watch(self._alive)
        if self._alive is None and self.run.phase == "waiting" and self.run.due <= datetime.now(UTC):
            self._start()

    def rest_s(self) -> float | None:
        """Seconds until ``step`` is due again, None where only an event matters."""
        if self._alive is not None:
            return self._options.tick_s
        if self.run.phase == "waiting":
            return max((self.run.due - datetime.now(UTC)).total_seconds(), 0.0)
        return None

    def _change(self, run: Run) -> None:
        if run != self.run:
            self.run = run
            self._save()

    def _start(self) -> None:
        try:
            self._place.prepare(self.run.launch)
            self._settle_ports()
            process = self._place.resolved(self.run.launch, self.run.process, self._numbers())
            env = self._place.environment(process)
        except TargetError as error:
            self._change(refused(self.run, error.reason, error.message, datetime.now(UTC)))
            return
        log = log_file(self._logs, self.run.role, process.name)
        try:
            self._spawn(process, env, log)
        except OSError as error:
            self._ended(Exit(code=1, words=f"{process.name} cannot be started: {error.strerror}"))

    def _spawn(self, process: Process, env: Mapping[str, str], log: Path) -> None:
        start = log.stat().st_size if log.exists() else 0
        kills = out_of_memory_kills()
        child = spawn(process.argv, env, log, self._place.volumes)
        self._alive = _Alive(child, log, start, kills)
        if self.run.serves:
            self._alive.prober = Prober(process, partial(self._ask, env), self._submit, time.monotonic())
        self._change(spawned(self.run, child.pid, child.created, datetime.now(UTC)))

    def _ask(self, env: Mapping[str, str], probe: Probe) -> bool:
        return ask(probe.check, probe.timeout_s, self._options.address, self._numbers(), env)

    def _watch(self, alive: _Alive) -> None:
        code = alive.child.ended()
        if code is not None:
            self._alive = None
            if self.run.phase != "stopping":
                self._ended(self._exit(alive, code))
            return
        if alive.kill_at is not None:
            if time.monotonic() >= alive.kill_at:
                alive.child.signal(signal.SIGKILL)
        elif alive.prober is not None:
            self._probe(alive, alive.prober)

    def _probe(self, alive: _Alive, prober: Prober) -> None:
        verdict = prober.look(time.monotonic())
        if verdict == "dead":
            alive.child.signal(signal.SIGTERM)
            alive.kill_at = time.monotonic() + self._options.grace_s
        self._change(answered(self.run, verdict == "ready", datetime.now(UTC)))

    def _exit(self, alive: _Alive, code: int) -> Exit:
        words = last_words(alive.log, alive.log_start)
        if alive.kill_at is not None:
            return Exit(code=1, words=f"{self.run.process.name} did not answer its probes and was ended")
        return Exit(
            code=code,
            words=words,
            out_of_memory=code == -signal.SIGKILL and out_of_memory_kills() > alive.memory_kills,
            port_taken=self.run.serves and code > 0 and says(alive.log, alive.log_start, PORT_TAKEN),
        )

    def _ended(self, end: Exit) -> None:
        if end.port_taken:
            self._forget_ports()
        self._change(exited(self.run, end, datetime.now(UTC), self._options))

    def _numbers(self) -> dict[str, int]:
        return {name: self._ports[key] for name in self.run.launch.ports if (key := self._key(name)) in self._ports}

    def _key(self, name: str) -> str:
        return f"{self.run.role}.{name}"

    def _forget_ports(self) -> None:
        for name in self.run.launch.ports:
            self._ports.pop(self._key(name), None)

    def _settle_ports(self) -> None:
        """Keep the numbers used before where they are free, take others where they are not; the user's own never move.

        Raises:
            TargetError: ``PortTaken``, for a port that the user named.
        """
        for name in self.run.launch.ports:
            wanted = self._options.ports.get(name)
            number = wanted or self._ports.get(self._key(name))
            if number is None or not is_free(self._options.host, number):
                if wanted:
                    raise _port_taken(self._options.host, wanted)
                number = free_port(self._options.host, self._options.port_range)
            self._ports[self._key(name)] = number


def _port_taken(host: str, number: int) -> TargetError:
    return TargetError(
        f"port {number} on {host} is taken by another program", hint="name another port, or none", reason="PortTaken"
    )
