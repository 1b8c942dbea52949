"""Secrets of every kind, planted in everything that a tuning uses: they are found nowhere but in environments."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.e2e.support.sandbox import EXAMPLES, PATIENCE_S, Sandbox
from tests.support.waiting import wait_until

USER, PASSWORD, SIGNATURE = "planted-user", "planted-password", "planted-signature"
PLANTED = {"HF_TOKEN": "planted-hub-token", "LLMWRIGHT_API_KEY": "planted-api-key"}
LOGIN = base64.b64encode(b"planted-login:planted-login-password").decode()
SECRETS = (PASSWORD, SIGNATURE, *PLANTED.values(), LOGIN, "planted-login-password")


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Files for those who bring the password and the signature."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers["Authorization"] != wanted or f"sig={SIGNATURE}" not in self.path:
            self.send_error(403)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def data() -> Iterator[str]:
    """The URL of a guarded data set, without its secrets: HOST:PORT/questions.parquet."""
    folder = EXAMPLES / "quickstart"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Guarded, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}/questions.parquet"
    server.shutdown()
    server.server_close()


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose environment and docker configuration hold secrets."""
    made = Sandbox(tmp_path, **PLANTED, LLMWRIGHT_SOURCES_ALLOW="127.0.0.1")
    login = {"auths": {"registry.example": {"auth": LOGIN}}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(login))
    yield made
    made.close()


def test_what_is_planted_is_found_nowhere(planted: Sandbox, data: str) -> None:
    url = f"http://{USER}:{PASSWORD}@{data}?sig={SIGNATURE}"
    file = planted.tune(steps=2, data=f'"{url}"')
    before: tuple[tuple[str, ...], ...] = (("plan",), ("plan", "-o", "json"), ("render",), ("check",))
    shown = [planted.run(*verb, "-f", file).output for verb in before]
    shown.append(planted.ok("apply", "-f", file))

    def is_ready() -> bool:
        shown.extend(_arguments(planted))
        return planted.condition("WorkspaceReady").get("status") == "True"

    wait_until(is_ready, "it was tuned, and answers", PATIENCE_S)
    after = (("get", "-o", "yaml"), ("get", "-o", "json"), ("describe", "mine"), ("logs", "mine"))
    shown.extend(planted.ok(*verb) for verb in after)
    _assert_nowhere(planted, shown)
    missing = url.replace("questions", "missing")
    wrong = planted.tune("wrong", steps=2, data=f'"{missing}"')
    planted.ok("apply", "-f", wrong)
    wait_until(lambda: planted.condition("Stalled", "wrong").get("status") == "True", "it failed", PATIENCE_S)
    shown.append(planted.ok("describe", "wrong") + planted.ok("get", "wrong", "-o", "json"))
    shown.append(planted.run("logs", "wrong").output + planted.run("logs", "wrong", "--stage", "supervisor").output)
    _assert_nowhere(planted, shown)


def _arguments(sandbox: Sandbox) -> list[str]:
    found: list[str] = []
    for process in sandbox.processes():
        with contextlib.suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return found


def _assert_nowhere(sandbox: Sandbox, shown: list[str]) -> None:
    assert len(shown) > 5
    for secret in SECRETS:
        assert [text for text in shown if secret in text] == []
        files = [path for path in sandbox.state.rglob("*") if path.is_file()]
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
