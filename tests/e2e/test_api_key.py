"""With LLMWRIGHT_API_KEY in the environment of ``apply``, a server answers only with that key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.support.sandbox import PATIENCE_S, SUPERVISOR, Sandbox
from tests.e2e.support.served_model import request
from tests.support.waiting import wait_until

KEY = "s3cret-of-the-sandbox"
NAME = "LLMWRIGHT_API_KEY"
PROMPT = {"prompt": "hello"}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with the key in its environment."""
    made = Sandbox(tmp_path, **{NAME: KEY})
    yield made
    made.close()


def test_the_key_is_wanted_and_stands_nowhere(locked: Sandbox) -> None:
    locked.ok("apply", "-f", locked.serve())
    endpoint = locked.ready()
    for path, body in (("/chat", PROMPT), ("/v1/models", None), ("/v1/completions", {"prompt": "hello"})):
        assert request(endpoint, path, body).status_code == httpx.codes.UNAUTHORIZED
        assert request(endpoint, path, body, key="wrong").status_code == httpx.codes.UNAUTHORIZED
        assert request(endpoint, path, body, key=KEY).status_code == httpx.codes.OK
    assert request(endpoint, "/health").status_code == httpx.codes.OK
    assert locked.ok("chat", "mine", "hello").strip()
    without = locked.run("chat", "mine", "hello", **{NAME: ""})
    assert without.code == 2
    assert NAME in without.err
    locked.ok("describe", "mine")
    assert_nowhere(locked)


def test_a_repair_without_the_key_does_not_open_the_door(locked: Sandbox) -> None:
    locked.ok("apply", "-f", locked.serve())
    endpoint = locked.ready()
    (supervisor,) = locked.processes(SUPERVISOR)
    supervisor.kill()
    wait_until(lambda: not locked.processes(), "server and supervisor are gone", PATIENCE_S)
    key = locked.environ.pop(NAME)
    shown = locked.run("get", "mine", "-o", "yaml")
    assert NAME in shown.out
    with pytest.raises(httpx.TransportError):
        request(endpoint, "/v1/models")
    locked.environ[NAME] = key
    assert "configured" in locked.ok("apply", "-f", locked.serve())
    assert request(locked.ready(), "/v1/models").status_code == httpx.codes.UNAUTHORIZED


def test_a_key_that_comes_later_is_wanted_from_then_on(sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.serve())
    assert request(sandbox.ready(), "/v1/models").status_code == httpx.codes.OK
    sandbox.environ[NAME] = KEY
    assert "configured" in sandbox.ok("apply", "-f", sandbox.serve())
    endpoint = sandbox.ready()
    assert request(endpoint, "/v1/models").status_code == httpx.codes.UNAUTHORIZED
    assert request(endpoint, "/v1/models", key=KEY).status_code == httpx.codes.OK


def assert_nowhere(sandbox: Sandbox) -> None:
    """No file of the state directory holds the key, and nobody sees it in a list of processes."""
    for path in sandbox.state.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    running = sandbox.processes()
    assert len(running) == 2
    for process in running:
        assert KEY not in " ".join(process.cmdline())
