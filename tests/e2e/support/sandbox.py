"""The command line as a user types it: in processes of its own, with files, state and environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.e2e.support.workspaces import serving_workspace, tuning_workspace
from tests.support.waiting import wait_until

PATIENCE_S = 300.0
"""How long a test waits for anything that a model has to load or be trained for."""

IDLE_S = 10.0
"""How long a test waits for the processes of a deleted Workspace to be gone."""

TIMEOUT = f"--timeout={PATIENCE_S:.0f}"
EXAMPLES = Path(__file__).parents[3] / "examples"
STATE = "LLMWRIGHT_STATE_DIRECTORY"

SUPERVISOR = "llmwright.targets.local"
SERVER = "llmwright_runtime_hf.serve"
TRAINER = "llmwright_tuning_qlora.train"


@dataclass(frozen=True)
class CommandResult:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Both outputs."""
        return self.out + self.err


class Sandbox:
    """A directory to work in, a state directory beside it, and an environment without anything of this machine's user.

    Every process that a command leaves behind inherits the state directory's name, by which the sandbox finds it.
    """

    def __init__(self, root: Path, **environ: str) -> None:
        self.work, self.state = root / "work", root / "state"
        (root / "docker").mkdir(parents=True)
        shutil.copytree(EXAMPLES / "quickstart", self.work / "quickstart")
        shutil.copy(EXAMPLES / "quickstart.yaml", self.work)
        own = ("LLMWRIGHT_", "DOCKER_", "HF_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(own) and not k.lower().endswith("_proxy")}
        self.environ = {
            **kept,
            STATE: str(self.state),
            "XDG_CONFIG_HOME": str(root / "config"),
            "DOCKER_CONFIG": str(root / "docker"),
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
            **environ,
        }

    def run(self, *arguments: str | Path, stdin: str = "", **environ: str) -> CommandResult:
        """Run ``llmwright ARGUMENTS`` to its end."""
        ended = subprocess.run(
            _command(arguments),
            cwd=self.work,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return CommandResult(ended.returncode, ended.stdout, ended.stderr)

    def ok(self, *arguments: str | Path, **more: str) -> str:
        """Run it, check that it ends with 0, and return its stdout."""
        result = self.run(*arguments, **more)
        assert result.code == 0, result
        return result.out

    @contextlib.contextmanager
    def background(self, *arguments: str | Path, out: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start it with both outputs going to ``out``, and kill it when the block ends."""
        path = out or self.work / "out"
        with path.open("w") as file:
            process = subprocess.Popen(
                _command(arguments), cwd=self.work, env=self.environ, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, text=True, preexec_fn=_accept_interrupts,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def write(self, text: str, name: str = "workspace.yaml") -> Path:
        """Write a file into the working directory."""
        path = self.work / name
        path.write_text(text, encoding="utf-8")
        return path

    def serve(self, name: str = "mine", more: str = "") -> Path:
        """Write a file that serves the demo model."""
        return self.write(serving_workspace(name) + more, f"{name}.yaml")

    def tune(
        self, name: str = "mine", *, steps: int = 20, data: str = "quickstart/questions.parquet", more: str = ""
    ) -> Path:
        """Write a file that tunes the demo model for a few steps."""
        return self.write(tuning_workspace(name, steps, data) + more, f"{name}.yaml")

    def get(self, name: str = "mine") -> dict[str, Any]:
        """Return the Workspace as ``get -o json`` prints it."""
        workspace: dict[str, Any] = json.loads(self.ok("get", name, "-o", "json"))
        return workspace

    def condition(self, kind: str, name: str = "mine") -> dict[str, str]:
        """Return one condition, empty where there is none of that type."""
        conditions = self.get(name).get("status", {}).get("conditions", ())
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def ready(self, name: str = "mine") -> str:
        """Wait until the Workspace is as it was asked for, and return its endpoint.

        ``WorkspaceReady`` holds on after a change, for the server that ran before it.
        """
        self.ok("wait", name, "--for=condition=Ready", TIMEOUT)
        return str(self.get(name)["status"]["endpoint"])

    def folder(self, name: str = "mine") -> Path:
        """Return the Workspace's folder in the state directory."""
        return self.state / "workspaces" / "default" / name

    def log(self, stage: str, name: str = "mine") -> str:
        """Return the log of that stage."""
        return self.ok("logs", name, "--stage", stage)

    def processes(self, program: str = "") -> list[psutil.Process]:
        """Return what commands of this sandbox left running, with ``program`` in their arguments."""
        return [process for process in _processes_of(str(self.state)) if program in _arguments(process)]

    def wait_until_idle(self, when: str = "") -> None:
        """Wait until no process is left; the kernel takes a moment to remove an ended one."""
        wait_until(lambda: not self.processes(), f"every process is gone {when}", IDLE_S)

    def processes_left(self) -> list[psutil.Process]:
        """Return what runs on after the time that ended processes take to be gone."""
        with contextlib.suppress(AssertionError):
            self.wait_until_idle()
        return self.processes()

    def close(self) -> None:
        """Delete everything, and check that no process is left."""
        self.ok("delete", "--all")
        self.wait_until_idle()


def _accept_interrupts() -> None:
    # A shell that starts the tests in the background has them ignore Ctrl-C, and with them what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _command(arguments: tuple[str | Path, ...]) -> list[str]:
    # The console script: `python -m` may end by the signal instead of with 130, where Ctrl-C interrupts an import that
    # evaluates generated code (a namedtuple's).
    return [str(Path(sys.executable).with_name("llmwright")), *map(str, arguments)]


def _processes_of(state: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(STATE) == state and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _arguments(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
