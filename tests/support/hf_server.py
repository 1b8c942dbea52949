"""Start the hf server as a user does, and talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.support.waiting import wait_until

COMMAND = [sys.executable, "-m", "llmwright_runtime_hf.serve"]
KEY = "a-key-for-tests"


class RunningServer:
    """A server process. Its log goes to a file, so that no pipe can fill up. ``files`` bounds the files it may open.

    ``docker`` is the directory with its logins to registries; ``command`` starts it.
    """

    def __init__(
        self,
        log: Path,
        *args: str,
        key: str | None = None,
        files: int | None = None,
        docker: Path | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.log = log
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        environment.pop("LLMWRIGHT_API_KEY", None)
        if key is not None:
            environment["LLMWRIGHT_API_KEY"] = key
        if docker is not None:
            environment["DOCKER_CONFIG"] = str(docker)
        with log.open("wb") as sink:
            limit = [] if files is None else ["prlimit", f"--nofile={files}"]
            started = [*limit, *command, "--port", "0", *args]
            self.process = subprocess.Popen(started, stdout=sink, stderr=sink, env=environment)
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.url = self._logged(r"listening on (http://\S+)")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=120, trust_env=False)

    def wait_until_ready(self) -> None:
        with self.client() as client:
            wait_until(lambda: self._is_ready(client), "the server is ready")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the server and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def _is_ready(self, client: httpx.Client) -> bool:
        answer = client.get("/health")
        assert answer.status_code in (200, 503), answer.text
        assert self.process.poll() is None, self.log.read_text()
        return answer.status_code == 200

    def _logged(self, pattern: str) -> str:
        def match() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.log.read_text())
            assert match or not ended, self.log.read_text()
            return match

        return wait_until(match, f"the log says {pattern}")[1]


@contextlib.contextmanager
def running_server(
    log: Path,
    *args: str,
    key: str | None = None,
    files: int | None = None,
    docker: Path | None = None,
    command: Sequence[str] = COMMAND,
) -> Iterator[RunningServer]:
    server = RunningServer(log, *args, key=key, files=files, docker=docker, command=command)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def run_to_end(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to refuse to start."""
    return subprocess.run(
        [*COMMAND, *args],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment},
    )


def metric(http: httpx.Client, name: str, **labels: str) -> float:
    """Return the value of one metric; 0 while it does not exist."""
    families = text_string_to_metric_families(http.get("/metrics").text)
    values = [s.value for f in families for s in f.samples if s.name == name and labels.items() <= s.labels.items()]
    assert len(values) <= 1
    return values[0] if values else 0.0


def completion_request(fields: Mapping[str, object]) -> bytes:
    """Return the bytes of a request to ``/v1/completions``, for a client that writes and leaves as no library does."""
    body = json.dumps(fields).encode()
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
