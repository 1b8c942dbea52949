"""With LLMWRIGHT_API_KEY in the environment of ``apply``, nobody is answered without that key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.conftest import House, ask, until

KEY = "s3cret-of-the-house"
NAME = "LLMWRIGHT_API_KEY"
PROMPT = {"prompt": "hello"}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[House]:
    """A house with the key in its environment."""
    made = House(tmp_path, **{NAME: KEY})
    yield made
    made.close()


def test_the_key_is_wanted_and_stands_nowhere(locked: House) -> None:
    locked.ok("apply", "-f", locked.serve())
    endpoint = locked.ready()
    for path, body in (("/chat", PROMPT), ("/v1/models", None), ("/v1/completions", {"prompt": "hello"})):
        assert ask(endpoint, path, body).status_code == httpx.codes.UNAUTHORIZED
        assert ask(endpoint, path, body, key="wrong").status_code == httpx.codes.UNAUTHORIZED
        assert ask(endpoint, path, body, key=KEY).status_code == httpx.codes.OK
    assert ask(endpoint, "/health").status_code == httpx.codes.OK
    assert locked.ok("chat", "mine", "hello").strip()
    without = locked("chat", "mine", "hello", **{NAME: ""})
    assert without.code == 2
    assert NAME in without.err
    locked.ok("describe", "mine")
    assert_nowhere(locked)


def test_a_repair_without_the_key_does_not_open_the_door(locked: House) -> None:
    locked.ok("apply", "-f", locked.serve())
    endpoint = locked.ready()
    (supervisor,) = locked.processes("llmwright.targets.local")
    supervisor.kill()
    until(lambda: not locked.processes(), "server and supervisor are gone")
    key = locked.environ.pop(NAME)
    told = locked("get", "mine", "-o", "yaml")
    assert NAME in told.out
    with pytest.raises(httpx.TransportError):
        ask(endpoint, "/v1/models")
    locked.environ[NAME] = key
    assert "configured" in locked.ok("apply", "-f", locked.serve())
    assert ask(locked.ready(), "/v1/models").status_code == httpx.codes.UNAUTHORIZED


def test_a_key_that_comes_later_is_wanted_from_then_on(house: House) -> None:
    house.ok("apply", "-f", house.serve())
    assert ask(house.ready(), "/v1/models").status_code == httpx.codes.OK
    house.environ[NAME] = KEY
    assert "configured" in house.ok("apply", "-f", house.serve())
    endpoint = house.ready()
    assert ask(endpoint, "/v1/models").status_code == httpx.codes.UNAUTHORIZED
    assert ask(endpoint, "/v1/models", key=KEY).status_code == httpx.codes.OK


def assert_nowhere(house: House) -> None:
    """No file of the state directory holds the key, and nobody sees it in a list of processes."""
    for path in house.state.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    running = house.processes()
    assert len(running) == 2
    for process in running:
        assert KEY not in " ".join(process.cmdline())
