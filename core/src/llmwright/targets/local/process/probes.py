"""Asking a server whether it started, answers and lives, at the times its probes say."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from llmwright.values.launch import Exec, HttpGet, Probe, Process

Verdict = Literal["starting", "ready", "unready", "dead"]
Submit = Callable[[Callable[[], bool]], "Future[bool]"]

STARTING_EVERY_S = 0.25
"""Asking costs nothing on one machine, so a start is noticed at once even where the probe's period is long."""

HEALTH = Probe(check=HttpGet("/health"), period_s=2, timeout_s=5)


def ask(
    check: HttpGet | Exec, timeout_s: float, address: str, ports: Mapping[str, int], env: Mapping[str, str]
) -> bool:
    """Whether the check passes now: 200 from HTTP, or exit code 0."""
    if isinstance(check, Exec):
        return _run(check.argv, timeout_s, env)
    connection = http.client.HTTPConnection(address, ports[check.port], timeout=timeout_s)
    try:
        connection.request("GET", check.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(slots=True)
class _Turn:
    """One probe's schedule: ``failures`` in a row, ``answer`` being waited for."""

    probe: Probe
    due: float
    failures: int = 0
    answer: Future[bool] | None = None

    def poll(self, now: float, period: float, submit: Submit, check: Callable[[Probe], bool]) -> bool | None:
        """The answer that came in now, if any; asks again when it is time."""
        if self.answer is None:
            if now >= self.due:
                probe = self.probe
                self.answer = submit(lambda: check(probe))
            return None
        if not self.answer.done():
            return None
        passed, self.answer, self.due = self.answer.result(), None, now + period
        self.failures = 0 if passed else self.failures + 1
        return passed


@dataclass(slots=True)
class Prober:
    """The probes of one running server; times are seconds of a clock that never goes back.

    ``startup`` decides until it passed once; without one, ``ready`` does, and a process without probes is asked for
    ``/health``. A server whose startup takes longer than its probe allows, or that fails ``live`` too often, is dead.
    """

    process: Process
    check: Callable[[Probe], bool]
    submit: Submit
    begun: float
    verdict: Verdict = "starting"
    _turns: dict[str, _Turn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.process.startup or self.process.ready or HEALTH
        self._turns["startup"] = _Turn(first, self.begun + first.initial_delay_s * bool(self.process.startup))

    def look(self, now: float) -> Verdict:
        """Take in what was answered, ask what is due, and say how it stands."""
        if self.verdict == "starting":
            self._start(now)
        else:
            self._watch(now)
        return self.verdict

    def _start(self, now: float) -> None:
        turn = self._turns["startup"]
        period = min(float(turn.probe.period_s), STARTING_EVERY_S)
        if turn.poll(now, period, self.submit, self.check):
            self.verdict = "ready"
            self._turns = {"ready": _Turn(self.process.ready or HEALTH, now)}
            if self.process.live is not None:
                self._turns["live"] = _Turn(self.process.live, now + self.process.live.initial_delay_s)
            if self.process.startup is not None and self.process.ready is not None:
                self.verdict = "unready"
            return
        probe = self.process.startup
        if probe is not None and now - self.begun > probe.initial_delay_s + probe.period_s * probe.failure_threshold:
            self.verdict = "dead"

    def _watch(self, now: float) -> None:
        ready = self._turns["ready"]
        if ready.poll(now, ready.probe.period_s, self.submit, self.check):
            self.verdict = "ready"
        elif ready.failures >= ready.probe.failure_threshold:
            self.verdict = "unready"
        live = self._turns.get("live")
        if live is None:
            return
        live.poll(now, live.probe.period_s, self.submit, self.check)
        if live.failures >= live.probe.failure_threshold:
            self.verdict = "dead"


def _run(argv: tuple[str, ...], timeout_s: float, env: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **env},
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
