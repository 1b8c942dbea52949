"""The states that a server's probes lead to, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from llmwright.targets.local.process.probes import Prober
from llmwright.values.launch import HttpGet, Probe, Process

READY = Probe(check=HttpGet("/ready"), period_s=2, failure_threshold=2)
LIVE = Probe(check=HttpGet("/live"), period_s=2, failure_threshold=2)
STARTUP = Probe(check=HttpGet("/startup"), period_s=5, failure_threshold=3)


@dataclass
class Server:
    """A server whose checks pass where ``passing`` has their path; each poll takes a check in, then starts the next."""

    startup: Probe | None = None
    live: Probe | None = None
    passing: set[str] = field(default_factory=set)

    def prober(self) -> Prober:
        process = Process(name="serve", argv=("x",), startup=self.startup, live=self.live, ready=READY)
        return Prober(process, self._check, _at_once, started_at=0.0)

    def _check(self, probe: Probe) -> bool:
        assert isinstance(probe.check, HttpGet)
        return probe.check.path in self.passing


def _at_once(check: Callable[[], bool]) -> Future[bool]:
    future: Future[bool] = Future()
    future.set_result(check())
    return future


def poll(prober: Prober, first: float, last: float) -> str:
    """Poll once a second, and return the last state."""
    state = ""
    for second in range(int(first), int(last) + 1):
        state = prober.poll(float(second))
    return state


def test_ready_decides_without_a_startup_probe() -> None:
    server = Server()
    prober = server.prober()
    assert poll(prober, 0, 5) == "starting"
    server.passing = {"/ready"}
    assert poll(prober, 6, 8) == "ready"
    server.passing = set()
    assert poll(prober, 9, 20) == "unready"
    server.passing = {"/ready"}
    assert poll(prober, 21, 25) == "ready"


def test_startup_comes_before_ready() -> None:
    server = Server(startup=STARTUP, passing={"/startup"})
    prober = server.prober()
    assert poll(prober, 0, 3) == "unready"
    server.passing = {"/ready"}
    assert poll(prober, 4, 8) == "ready"


def test_a_startup_that_takes_too_long_is_dead() -> None:
    prober = Server(startup=STARTUP).prober()
    assert poll(prober, 0, 15) == "starting"
    assert poll(prober, 16, 16) == "dead"


def test_a_server_that_fails_live_too_often_is_dead() -> None:
    server = Server(live=LIVE, passing={"/ready", "/live"})
    prober = server.prober()
    assert poll(prober, 0, 10) == "ready"
    server.passing = {"/ready"}
    assert poll(prober, 11, 20) == "dead"
