"""The runtime ``ray`` on one machine where something ends or is in its way: the real Ray, with each of its engines."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
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
