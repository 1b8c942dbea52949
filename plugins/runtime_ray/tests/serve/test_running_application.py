"""The server as a process, on the real Ray: its ports, scale to zero, and its end when parts of it die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.ray_environment import ray_program
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.processes import free_port

KEY = "a-key-for-the-ray-tests"
START_S = 600.0
QUESTION = {"prompt": "What colour is the ship", "max_tokens": 48}


@pytest.fixture
def ray() -> Path:
    """The program that serves with Ray."""
    return ray_program()


@pytest.fixture(scope="module")
def model() -> Path:
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    return Path(preset.source.removeprefix("file://"))


class Server:
    """A server with a key, and all processes below it."""

    def __init__(self, program: Path, model: Path, place: Path, *flags: str) -> None:
        self.port = free_port("127.0.0.1")
        self.log = place / "log"
        self.state = place / "a state directory whose name is too long for a socket" / "ray"
        environ = {**os.environ, "HF_HUB_OFFLINE": "1", "LLMWRIGHT_API_KEY": KEY}
        own = ["--served-model-name", "demo", "--port", str(self.port), "--state", str(self.state), "--threads", "1"]
        with self.log.open("wb") as sink:
            command = [str(program), "--model", str(model), *own, *flags]
            self.process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environ)

    def client(self, key: str = KEY) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=300, trust_env=False)

    def wait_until_ready(self) -> None:
        def healthy() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            with contextlib.suppress(httpx.TransportError), self.client() as http:
                return http.get("/health").status_code == 200
            return False

        wait_until(healthy, "the server is ready", START_S)

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def named(self, part: str) -> list[psutil.Process]:
        """Return the processes whose command has ``part``."""
        found = []
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [process] if any(part in word for word in process.cmdline()[:1]) else []
        return found


@contextlib.contextmanager
def running(program: Path, model: Path, place: Path, *flags: str) -> Iterator[Server]:
    server = Server(program, model, place, *flags)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def assert_nothing_is_left(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert [process.name() for process in alive if process.is_running()] == []


def test_a_replica_that_dies_fails_its_own_requests_and_is_replaced(ray: Path, model: Path, tmp_path: Path) -> None:
    two = ("--min-replicas", "2", "--max-replicas", "2", "--initial-replicas", "2")
    with running(ray, model, tmp_path, *two) as server, server.client() as http:
        server.wait_until_ready()
        mine = {server.process.pid, *(process.pid for process in server.tree())}
        listening = [each for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.pid in mine]
        open_ports = [each.laddr.ip for each in listening if each.laddr]
        assert open_ports
        assert all(address.endswith("127.0.0.1") for address in open_ports), "something listens beyond loopback"
        assert not [process for process in server.tree() if any(KEY in word for word in process.cmdline())]
        assert not [file for file in server.state.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
        with server.client("wrong") as stranger:
            assert stranger.post("/chat", json=QUESTION).status_code == 401

        victim = server.named("ServeReplica")[0]

        def ask(number: int) -> int:
            if number == 30:
                victim.kill()
            return http.post("/v1/completions", json=QUESTION).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(ask, range(90)))
        assert set(statuses) <= {200, 500}
        assert statuses.count(500) <= 5, "more failed than one replica holds"
        wait_until(lambda: len(server.named("ServeReplica")) == 2, "the replica is replaced", START_S)

        left = server.tree()
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(http.post, "/v1/completions", json={**QUESTION, "max_tokens": 8}) for _ in range(4)]
            server.process.send_signal(signal.SIGTERM)
            assert {each.result().status_code for each in asked} <= {200, 503}
        assert server.process.wait(60) == 0
        assert_nothing_is_left(left)
        assert KEY not in server.log.read_text()


def test_it_sleeps_at_zero_wakes_for_a_request_and_ends_with_ray(ray: Path, model: Path, tmp_path: Path) -> None:
    with running(ray, model, tmp_path, "--min-replicas", "0", "--downscale-delay-s", "1") as server:
        server.wait_until_ready()
        with server.client() as http, server.client("wrong") as stranger:
            wait_until(lambda: not server.named("ServeReplica"), "there is no replica", START_S)
            assert [http.get(path).status_code for path in ("/health", "/metrics", "/v1/models")] == [200, 200, 200]
            assert stranger.post("/chat", json=QUESTION).status_code == 401
            assert not server.named("ServeReplica"), "a probe or a stranger woke the model"
            assert http.post("/chat", json=QUESTION).status_code == 200
        left = server.tree()
        server.named("gcs_server")[0].kill()
        assert server.process.wait(120) == 1
        assert "error: Ray's gcs_server ended with code -9" in server.log.read_text()
        assert_nothing_is_left(left)


def test_a_server_that_is_killed_leaves_nothing(ray: Path, model: Path, tmp_path: Path) -> None:
    with running(ray, model, tmp_path) as server:
        wait_until(lambda: server.named("raylet"), "Ray runs", START_S)
        left = server.tree()
        server.process.kill()
        assert_nothing_is_left(left)


def test_a_broken_model_is_named(ray: Path, model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(b"no weights" if file.suffix == ".safetensors" else file.read_bytes())
    with running(ray, broken, tmp_path) as server:
        assert server.process.wait(START_S) == 2
    last = server.log.read_text().splitlines()[-1]
    assert last.startswith("error: ")
    assert "cannot be loaded" in last
