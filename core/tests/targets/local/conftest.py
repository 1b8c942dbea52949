"""Real little programs as Launches, and a state directory whose every process is gone at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.targets.local import LocalOptions, LocalTarget
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.locks import is_held
from llmwright.values.launch import Launch, Process, Volume
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Plan

PATIENCE_S = 60.0

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[3].encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
try:
    server = http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
except OSError as error:
    sys.exit(f"[Errno 98] {error.strerror}")
print("serving", flush=True)
server.serve_forever()
"""

TUNER = """
import json, os, pathlib, subprocess, sys, time
results, steps, pause = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
checkpoint = results / "checkpoint"
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
first = int(checkpoint.read_text()) if checkpoint.exists() else 0
with (results / "starts").open("a") as file:
    file.write(f"{first}\\n")
for step in range(first, steps):
    time.sleep(pause)
    with (results / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"event": "step", "step": step + 1, "steps": steps, "loss": 1.0 / (step + 1)}) + "\\n")
    (results / "checkpoint.new").write_text(str(step + 1))
    os.replace(results / "checkpoint.new", checkpoint)
helper.kill(); helper.wait()
(results / "adapter").write_text("weights")
"""

SCRATCH = (Volume(name="results"),)


def python(name: str, code: str, *arguments: str) -> Process:
    """A process that runs ``code``."""
    return Process(name=name, argv=("$(python)", "-c", textwrap.dedent(code), *arguments))


def serving(answer: str = "base") -> Launch:
    """A server that answers every path with ``answer``."""
    main = python("serve", SERVER, "$(host)", "$(port.http)", answer)
    return Launch(main=main, volumes=SCRATCH, ports={"http": 5000})


def tuning(steps: int = 3, pause: float = 0.02, after: str = "") -> Launch:
    """A tuner that goes on from its checkpoint, and a delivery after it."""
    main = python("train", TUNER, "$(volume.results)", str(steps), str(pause))
    deliver = python("deliver", after or "import sys; print('delivered', sys.argv[1])", "$(volume.results)")
    return Launch(main=main, after=(deliver,), volumes=SCRATCH)


def failing(code: str) -> Launch:
    """A job whose one process is ``code``."""
    return Launch(main=python("train", code, "$(volume.results)"), volumes=SCRATCH)


def make_plan(name: str = "demo", inputs: str = "1", **roles: Any) -> Plan:
    """A plan for this machine with the given Launches."""
    return Plan(
        workspace=name,
        namespace="default",
        inputs=inputs,
        target="local",
        preset="demo",
        provisioner=Choice(name="local", why="it is this machine"),
        nodes=NodeRequest(namespace="default", workspace=name, count=1),
        served_names=("demo",),
        **roles,
    )


def make_workspace(name: str = "demo", *, tuned: bool = False, **tuning_fields: Any) -> Workspace:
    """A Workspace that serves, or tunes."""
    part: dict[str, Any] = {"preset": {"name": "demo"}}
    if tuned:
        part |= {"method": "qlora", "input": {"urls": ["file:///data"]}, "output": {"image": "registry/adapter:1"}}
    kind = "tuning" if tuned else "inference"
    body = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": name}}
    return Workspace.model_validate({**body, kind: part | tuning_fields})


def until(holds: Callable[[], Any], what: str = "") -> Any:
    """Wait for ``holds`` to give something true, and give that."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not come true: {what or holds}")


def get_text(endpoint: str) -> str:
    """What the server answers."""
    with urllib.request.urlopen(endpoint, timeout=10) as answer:
        return str(answer.read().decode())


@dataclass
class Machine:
    """A LocalTarget in a directory of its own, with eyes on its processes."""

    root: Path
    options: LocalOptions = field(
        default_factory=lambda: LocalOptions(tick_s=0.05, backoff_first_s=0.05, backoff_most_s=0.2, grace_s=5.0)
    )

    @property
    def target(self) -> LocalTarget:
        """A target as each command makes it anew."""
        return LocalTarget(self.root, self.options)

    def status(self, name: str = "demo") -> WorkspaceStatus:
        """The status as last written."""
        return self.target.get("default", name).status or WorkspaceStatus()

    def wait(self, condition: str, name: str = "demo") -> WorkspaceStatus:
        """Wait for a condition and give the status."""
        self.target.wait("default", name, condition, PATIENCE_S)
        return self.status(name)

    def supervisors(self) -> list[psutil.Process]:
        """Running supervisors of this directory."""
        return [found for found in _alive() if _is_supervisor(found, self.root)]

    def processes(self) -> list[psutil.Process]:
        """Running processes of Workspaces of this directory."""
        return [found for found in _alive() if _mark(found).startswith(str(self.root))]

    def kill_supervisor(self) -> None:
        """End the one supervisor as a crash does, and wait until it is gone."""
        until(self.supervisors, "a supervisor runs")
        self.kill_supervisors()

    def kill_supervisors(self) -> None:
        """End those that run, if any, and wait until the kernel has freed their locks.

        That is when the last of their threads has ended, a moment after the process has gone from most views.
        """
        for found in self.supervisors():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.send_signal(signal.SIGKILL)
        until(lambda: not any(map(is_held, self.root.glob("workspaces/*/*/lock"))), "locks are free")

    def results(self, name: str = "demo") -> Path:
        """The results of that Workspace."""
        return self.root / "workspaces" / "default" / name / "volumes" / "results"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own; fails the test that leaves a process behind after delete."""
    made = Machine(tmp_path / "state")
    yield made
    for workspace in list(made.target.list()):
        made.target.delete(workspace.namespace, workspace.name, timeout_s=PATIENCE_S)
    until(lambda: not made.supervisors(), "all supervisors are gone")
    assert made.processes() == []


def _alive() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                yield process
        except psutil.Error:
            continue


def _mark(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):
        return ""


def _is_supervisor(process: psutil.Process, root: Path) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    return line[:1] == [sys.executable] and "llmwright.targets.local" in line and str(root) in line
