"""``llmwright operator`` as a process, with the rights of its own role and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from llmwright.testing.cluster.control_plane import Object
from llmwright.testing.cluster.programs import free_port
from llmwright.testing.cluster.waiting import wait_until

SETTINGS: Object = {"preflight": False, "allowPlaceholders": True}
"""Settings of an operator under test: no container runs, so no pod could look at a data set beforehand."""


@dataclass
class OperatorProcess:
    """``llmwright operator``; its log is shown when it does not do as it should."""

    kubeconfig: Path
    folder: Path
    settings: Object = field(default_factory=lambda: dict(SETTINGS))
    arguments: tuple[str, ...] = ()
    elects: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = (sys.executable,)
    process: subprocess.Popen[bytes] | None = None
    health: int = 0
    metrics: int = 0

    @property
    def log(self) -> Path:
        """The file of all that it wrote, over all its lives."""
        return self.folder / "operator.log"

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready.

        Raises:
            AssertionError: it ended before it was ready, with the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "settings.yaml"
        settings.write_text(json.dumps(self.settings))
        self.health, self.metrics = free_port(), free_port()
        command = [*self.python, "-m", "llmwright", "--settings", str(settings), "operator"]
        command += ["--kubeconfig", str(self.kubeconfig), "--log-format", "json"]
        # Else the next operator waits for the Lease of one that a test killed.
        command += [*([] if self.elects else ["--no-leader-elect"]), *self.arguments]
        command += ["--health-port", str(self.health), "--metrics-port", str(self.metrics)]
        with self.log.open("ab") as out:
            environ = {**os.environ, "OMP_NUM_THREADS": "1", **self.environ}
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environ)
        if wait:
            wait_until(self._is_ready, f"the operator is ready: {self.log}")

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def answers(self, port: int, path: str) -> str:
        """Return its answer to a GET; empty where there is none, or not with 200."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return ""

    def kill(self) -> None:
        """End it without any warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def lines(self) -> list[Object]:
        """Return its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def end(self) -> None:
        """Stop it where it runs.

        Raises:
            AssertionError: it wrote a traceback at any time.
        """
        if self.runs:
            self.stop()
        broken = [line for line in self.lines() if "traceback" in line]
        assert not broken, broken

    def _is_ready(self) -> bool:
        assert self.runs, f"the operator ended:\n{self.log.read_text(errors='replace')[-2000:]}"
        return self.answers(self.health, "/readyz") == "ok\n"


@contextmanager
def running(operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """Run ``operator``, and see that it ends well."""
    operator.start()
    try:
        yield operator
    finally:
        if operator.runs:
            operator.stop()
    operator.end()
