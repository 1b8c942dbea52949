"""A forwarded port outlives the pod that it leads to, by a kubectl that ends when a test says so."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.waiting import wait_until

from llmwright.app import port_forward
from llmwright.app.port_forward import PortForward

KUBECTL = """#!{python}
import pathlib, socket, sys
starts = pathlib.Path({starts!r})
starts.write_text(starts.read_text() + sys.argv[-1] + " " if starts.exists() else sys.argv[-1] + " ")
if len(starts.read_text().split()) > {lives}:
    sys.exit('Error from server (NotFound): services "mine" not found')
with socket.create_server(("127.0.0.1", int(sys.argv[-1].partition(":")[0] or 0))) as server:
    print("Forwarding from 127.0.0.1:%d -> 80" % server.getsockname()[1], flush=True)
    server.accept()[0].close()
sys.exit("error: lost connection to pod")
"""
"""It loses its pod with the first connection, and finds none any more after some lives."""

Started = Callable[[], list[str]]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Started]:
    monkeypatch.setattr(port_forward, "PAUSE_S", 0.01)
    monkeypatch.setattr(port_forward, "MOST_PAUSE_S", 0.02)

    def install(lives: int) -> Started:
        program, starts = tmp_path / "bin" / "kubectl", tmp_path / "starts"
        program.parent.mkdir()
        program.write_text(KUBECTL.format(python=sys.executable, starts=str(starts), lives=lives))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        return lambda: starts.read_text().split()

    return install


def reaches(url: str) -> bool:
    """Whether somebody takes a connection, which then ends."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            return connection.recv(1) == b""
    except OSError:
        return False


def test_after_its_pod_is_gone_the_next_one_is_reached_at_the_same_address(
    kubectl: Callable[[int], Started],
) -> None:
    started, said = kubectl(9), list[str]()
    with PortForward("models", "mine", tell=said.append) as url:
        assert reaches(url)
        wait_until(lambda: len(said) == 1, "the loss is told")
        wait_until(lambda: reaches(url), "the next pod is reached")
        wait_until(lambda: len(said) == 2, "its loss is told too")
    port = url.rpartition(":")[2]
    assert set(said) == {"the connection to a pod of models/mine is lost, and made anew: error: lost connection to pod"}
    assert started()[:2] == [":80", f"{port}:80"]
    assert not reaches(url), "nothing is left of it"


def test_a_service_that_is_gone_for_good_is_told_once(kubectl: Callable[[int], Started]) -> None:
    started, said = kubectl(1), list[str]()
    with PortForward("models", "mine", tell=said.append) as url:
        assert reaches(url)
        wait_until(lambda: len(started()) > 4, "it is tried again and again")
    assert len(said) == 1
