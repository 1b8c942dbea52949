"""The runtime ``ray`` on one machine where something ends or is in its way: the real Ray, with each of its engines."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from tests.e2e.support.engine_sandbox import completion, is_broken_off, under_way, with_adapter, write_further
from tests.e2e.support.ray_sandbox import RaySandbox, port_of
from tests.e2e.support.served_model import request
from tests.e2e.support.swapped_runtime import KEY, START_S
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WORDS = {"ray": "size mismatch", "ray-llm": "size of tensor"}
"""What each engine says of an adapter of another model."""
PARTS = {"ray": "ServeReplica:llmwright:model", "ray-llm": "ServeReplica:llmwright:LlmServer"}
"""The beginning of the names of the processes that hold the model."""
CLIENTS = 6
HEALTH_S = 15.0
"""Seconds until Ray Serve has asked each copy how it is: every 10 s, on a busy machine."""


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.engine(name=name)) for name in WORDS])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(runtime: str, tmp_path: Path) -> Iterator[RaySandbox]:
    made = RaySandbox(tmp_path, runtime)
    yield made
    made.close()


@pytest.mark.parametrize("part", ["gcs_server", "ServeReplica"])
def test_a_part_that_dies_takes_no_request_with_it_for_ever(sandbox: RaySandbox, part: str) -> None:
    """Without its head Ray is started again, and says so in the status. A replica Ray itself replaces."""
    sandbox.ok("apply", "-f", sandbox.serve_by_ray())
    wait_until(sandbox.serves, "the model answers", START_S)
    server, family = sandbox.server(), sandbox.server().children(recursive=True)
    with under_way(str(sandbox.get()["status"]["endpoint"]), KEY) as lines:
        for victim in sandbox.parts(part):
            victim.kill()
        assert is_broken_off(lines)
    if part == "gcs_server":
        wait_until(lambda: not sandbox.serves(), "the loss is seen", 120)
        wait_until(lambda: not any(each.is_running() for each in (server, *family)), "nothing of it is left", 120)
    wait_until(lambda: sandbox.serves() and answers(sandbox), "it answers again", START_S)
    assert server.is_running() is (part == "ServeReplica")


def answers(sandbox: RaySandbox) -> bool:
    """Whether the model answers, and not yet with the end of what was lost."""
    endpoint = str(sandbox.get()["status"]["endpoint"])
    with contextlib.suppress(httpx.TransportError):
        return request(endpoint, "/v1/completions", completion("demo"), KEY).status_code == httpx.codes.OK
    return False


def test_an_adapter_that_is_exchanged_meanwhile_is_told_in_the_engine_s_words(
    sandbox: RaySandbox, runtime: str, tmp_path: Path
) -> None:
    further, own = write_further(tmp_path / "further"), tmp_path / "own"
    shutil.copytree(further / "good", own)
    sandbox.ok("apply", "-f", sandbox.serve_by_ray(with_adapter(own)))
    shutil.copytree(further / "wrong", own, dirs_exist_ok=True)
    said = WORDS[runtime]
    wait_until(lambda: said in sandbox.condition("InferenceReady").get("message", ""), "it says so", START_S)


def test_a_port_that_somebody_takes_meanwhile(sandbox: RaySandbox) -> None:
    """Ray Serve binds its port long after the server looked whether it is free."""
    sandbox.ok("apply", "-f", sandbox.serve_by_ray())
    wait_until(lambda: starts_ray(sandbox), "Ray starts", START_S)
    port = port_of(sandbox.server())
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port or 0))
        thief.listen()
        wait_until(sandbox.serves, "it answers on another port", START_S)
        assert port_of(sandbox.server()) not in (None, port)
    assert answers(sandbox)


def starts_ray(sandbox: RaySandbox) -> bool:
    """Whether the server has found its port free, and begun to start Ray."""
    try:
        return bool(sandbox.parts("gcs_server"))
    except (ValueError, psutil.Error):
        return False


@dataclass
class Load:
    """Clients that ask without a pause; ``failed`` are the times at which a request that failed began and ended."""

    endpoint: str
    over: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    failed: list[tuple[float, float, str]] = field(default_factory=list)

    def ask(self) -> None:
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                response = request(self.endpoint, "/v1/completions", completion("demo", 16), KEY)
                wrong = "" if response.status_code == httpx.codes.OK else f"{response.status_code} {response.text}"
            except httpx.TransportError as error:
                wrong = repr(error)
            if wrong:
                self.failed.append((begun, time.monotonic(), wrong))
                # As a client that was told `Retry-After: 1`.
                time.sleep(1)
            self.answered += not wrong


@pytest.mark.parametrize("part", ["replica", "engine"])
def test_a_copy_that_dies_under_load_fails_the_requests_that_it_held(
    sandbox: RaySandbox, runtime: str, part: str
) -> None:
    """The other copy takes all that come. vLLM's engine is another process: Ray finds its end by a health check."""
    if part == "engine" and runtime == "ray":
        pytest.skip("the engine of hf is a thread of its replica")
    sandbox.ok("apply", "-f", sandbox.serve_by_ray("  replicas: 2\n"))
    wait_until(lambda: "ready at http" in sandbox.ok("logs", "mine"), "both copies answer", START_S)
    load = Load(str(sandbox.get()["status"]["endpoint"]))
    with ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(load.ask) for _ in range(CLIENTS)]
        try:
            wait_until(lambda: load.answered >= 4 * CLIENTS, "answers come", 120)
            assert not load.failed
            killed, victim = time.monotonic(), sandbox.parts(PARTS[runtime] if part == "replica" else "EngineCore")[0]
            victim.kill()
            settled = killed + (HEALTH_S if part == "engine" else 0)
            answered = load.answered
            wait_until(lambda: time.monotonic() > settled and load.answered > answered + 4 * CLIENTS, "it goes on", 300)
        finally:
            load.over.set()
    for each in asking:
        each.result()
    assert all(begun <= settled for begun, _, _ in load.failed), load.failed
    if part == "replica":
        assert len(load.failed) <= CLIENTS, load.failed
    assert all("replica_lost" in wrong or wrong.startswith("500") for _, _, wrong in load.failed), load.failed


def test_no_copy_runs_while_nobody_asks_and_the_first_request_wakes_one(sandbox: RaySandbox, runtime: str) -> None:
    """By ``llmwright apply``, under the supervisor: asleep it is ready, and neither probes nor lists wake it."""
    none_asked = "  autoscaling: {minReplicas: 0, maxReplicas: 1}\n"
    sandbox.ok("apply", "-f", sandbox.serve_by_ray(none_asked, "downscaleDelayS: 2"))
    wait_until(sandbox.serves, "the model answers", START_S)
    endpoint = str(sandbox.get()["status"]["endpoint"])
    headers = {"Authorization": f"Bearer {KEY}"}

    def asked() -> httpx.Response:
        """Give the first request the time of a start: on a busy machine the copy sleeps again before it comes."""
        url, body = f"{endpoint}/v1/completions", completion("demo")
        return httpx.post(url, json=body, headers=headers, timeout=START_S, trust_env=False)

    first = asked()
    assert first.status_code == httpx.codes.OK, first.text
    wait_until(lambda: not sandbox.parts(PARTS[runtime]), "no copy is left", 300)
    time.sleep(5)
    assert sandbox.serves()
    for path in ("/health", "/v1/models", "/metrics"):
        assert httpx.get(endpoint + path, headers=headers, trust_env=False).status_code == httpx.codes.OK
    time.sleep(5)
    assert not sandbox.parts(PARTS[runtime]), "a probe has woken it"
    woken = asked()
    assert woken.status_code == httpx.codes.OK, woken.text
    assert sandbox.parts(PARTS[runtime])
