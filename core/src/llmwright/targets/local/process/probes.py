"""Probes of a running server: has it started, does it answer, is it alive?"""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from llmwright.values.launch import Exec, HttpGet, Probe, Process

ProbeState = Literal["starting", "ready", "unready", "dead"]
Submit = Callable[[Callable[[], bool]], "Future[bool]"]

STARTING_EVERY_S = 0.25
"""Asking costs nothing on one machine, so a start is noticed at once even where the probe's period is long."""

HEALTH = Probe(check=HttpGet("/health"), period_s=2, timeout_s=5)


def passes(
    check: HttpGet | Exec, timeout_s: float, address: str, ports: Mapping[str, int], env: Mapping[str, str]
) -> bool:
    """Return whether the check passes now: status 200 over HTTP, or exit code 0."""
    if isinstance(check, Exec):
        return _exits_with_0(check.argv, timeout_s, env)
    connection = http.client.HTTPConnection(address, ports[check.port], timeout=timeout_s)
    try:
        connection.request("GET", check.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(slots=True)
class _Schedule:
    """When one probe is due, how often it failed in a row, and its check under way."""

    probe: Probe
    due: float
    failures: int = 0
    check_under_way: Future[bool] | None = None

    def poll(self, now: float, period_s: float, submit: Submit, check: Callable[[Probe], bool]) -> bool | None:
        """Return whether the check that ended passed, None where none ended; start the next one when it is due."""
        if self.check_under_way is None:
            if now >= self.due:
                probe = self.probe
                self.check_under_way = submit(lambda: check(probe))
            return None
        if not self.check_under_way.done():
            return None
        passed, self.check_under_way, self.due = self.check_under_way.result(), None, now + period_s
        self.failures = 0 if passed else self.failures + 1
        return passed


@dataclass(slots=True)
class Prober:
    """Probes one running server; times are seconds of a monotonic clock.

    The ``startup`` probe decides until it passed once; without one, ``ready`` does, and a process without probes is
    asked for ``/health``. A server is dead when its startup takes longer than the probe allows, or when it fails
    ``live`` too often.
    """

    process: Process
    check: Callable[[Probe], bool]
    submit: Submit
    started_at: float
    state: ProbeState = "starting"
    _schedules: dict[str, _Schedule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.process.startup or self.process.ready or HEALTH
        delay_s = first.initial_delay_s * bool(self.process.startup)
        self._schedules["startup"] = _Schedule(first, self.started_at + delay_s)

    def poll(self, now: float) -> ProbeState:
        """Take in the checks that ended, start those that are due, and return the server's state."""
        if self.state == "starting":
            self._poll_startup(now)
        else:
            self._poll_running(now)
        return self.state

    def _poll_startup(self, now: float) -> None:
        schedule = self._schedules["startup"]
        period_s = min(float(schedule.probe.period_s), STARTING_EVERY_S)
        if schedule.poll(now, period_s, self.submit, self.check):
            self.state = "ready"
            self._schedules = {"ready": _Schedule(self.process.ready or HEALTH, now)}
            if self.process.live is not None:
                self._schedules["live"] = _Schedule(self.process.live, now + self.process.live.initial_delay_s)
            # The startup probe alone has passed: requests wait for ``ready``.
            if self.process.startup is not None and self.process.ready is not None:
                self.state = "unready"
            return
        probe = self.process.startup
        if (
            probe is not None
            and now - self.started_at > probe.initial_delay_s + probe.period_s * probe.failure_threshold
        ):
            self.state = "dead"

    def _poll_running(self, now: float) -> None:
        ready = self._schedules["ready"]
        if ready.poll(now, ready.probe.period_s, self.submit, self.check):
            self.state = "ready"
        elif ready.failures >= ready.probe.failure_threshold:
            self.state = "unready"
        live = self._schedules.get("live")
        if live is None:
            return
        live.poll(now, live.probe.period_s, self.submit, self.check)
        if live.failures >= live.probe.failure_threshold:
            self.state = "dead"


def _exits_with_0(argv: tuple[str, ...], timeout_s: float, env: Mapping[str, str]) -> bool:
    try:
        ended = subprocess.run(
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
    return ended.returncode == 0
