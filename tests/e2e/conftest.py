"""The command line as a user types it: in processes of its own, each house with its own state, files and leftovers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.docker_registry import closed_registry, open_registry

__all__ = ["closed_registry", "open_registry"]

PATIENCE_S = 300.0
REST_S = 10.0
TIMEOUT = f"--timeout={PATIENCE_S:.0f}"
EXAMPLES = Path(__file__).parents[2] / "examples"
STATE = "LLMWRIGHT_STATE_DIRECTORY"

SUPERVISOR = "llmwright.targets.local"
SERVER = "llmwright_runtime_hf.serve"
TRAINER = "llmwright_tuning_qlora.train"

HEAD = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: {name}}}
resource: {{labelSelector: {{matchLabels: {{apps: {name}}}}}}}
"""
SERVE = HEAD + "inference:\n  preset: {{name: demo}}\n"
TUNE = HEAD + "tuning:\n  preset: {{name: demo}}\n  method: qlora\n  methodConfig: {{max_steps: {steps}}}\n"
TUNE += "  input: {{urls: [{data}]}}\n"


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All that it printed."""
        return self.out + self.err


class House:
    """A directory to work in, a state directory beside it, and an environment without anything of this machine's user.

    Every process that a command leaves behind inherits the state directory's name, and is known by it.
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

    def __call__(self, *arguments: str | Path, stdin: str = "", **environ: str) -> Ran:
        """Run ``llmwright ARGUMENTS`` to its end."""
        done = subprocess.run(
            _command(arguments),
            cwd=self.work,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str | Path, **more: str) -> str:
        """Run it, see that it ends with 0, and give what it printed on stdout."""
        ran = self(*arguments, **more)
        assert ran.code == 0, ran
        return ran.out

    @contextlib.contextmanager
    def started(self, *arguments: str | Path, out: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start it, with all that it prints going to ``out``; it is gone when the block ends."""
        path = out or self.work / "out"
        with path.open("w") as file:
            process = subprocess.Popen(
                _command(arguments), cwd=self.work, env=self.environ, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, text=True, preexec_fn=_heed_interrupts,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def write(self, text: str, name: str = "workspace.yaml") -> Path:
        """A file in the working directory."""
        path = self.work / name
        path.write_text(text, encoding="utf-8")
        return path

    def serve(self, name: str = "mine", more: str = "") -> Path:
        """A file that serves the demo model."""
        return self.write(SERVE.format(name=name) + more, f"{name}.yaml")

    def tune(
        self, name: str = "mine", *, steps: int = 20, data: str = "quickstart/questions.parquet", more: str = ""
    ) -> Path:
        """A file that tunes the demo model for a few steps."""
        return self.write(TUNE.format(name=name, steps=steps, data=data) + more, f"{name}.yaml")

    def get(self, name: str = "mine") -> dict[str, Any]:
        """The Workspace as ``get -o json`` prints it."""
        found: dict[str, Any] = json.loads(self.ok("get", name, "-o", "json"))
        return found

    def condition(self, kind: str, name: str = "mine") -> dict[str, str]:
        """One condition; empty where it is not there."""
        conditions = self.get(name).get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == kind), {})

    def ready(self, name: str = "mine") -> str:
        """Wait until it answers; its endpoint."""
        self.ok("wait", name, "--for=condition=WorkspaceReady", TIMEOUT)
        return str(self.get(name)["status"]["endpoint"])

    def folder(self, name: str = "mine") -> Path:
        """Where what belongs to that Workspace lies."""
        return self.state / "workspaces" / "default" / name

    def log(self, stage: str, name: str = "mine") -> str:
        """What that stage wrote."""
        return self.ok("logs", name, "--stage", stage)

    def processes(self, program: str = "") -> list[psutil.Process]:
        """What runs because of commands of this house; ``program`` picks those with that word in their arguments."""
        return [found for found in _of_house(str(self.state)) if program in _arguments(found)]

    def comes_to_rest(self, when: str = "") -> None:
        """No process is left, but for the moment that the kernel takes to bury one that has ended."""
        until(lambda: not self.processes(), f"every process is gone {when}", REST_S)

    def lingering(self) -> list[psutil.Process]:
        """What runs on, once those that have ended are buried."""
        with contextlib.suppress(AssertionError):
            self.comes_to_rest()
        return self.processes()

    def close(self) -> None:
        """Delete everything; nothing may be left."""
        self.ok("delete", "--all")
        self.comes_to_rest()


def _heed_interrupts() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and with them what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _command(arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", "llmwright", *map(str, arguments)]


def _of_house(state: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(STATE) == state and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _arguments(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait for ``holds`` to give something true, and give that."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not come true: {what}")


def ask(endpoint: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> httpx.Response:
    """GET, or POST where there is a body, as curl would."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    method = "GET" if body is None else "POST"
    return httpx.request(method, endpoint + path, json=body, headers=headers, timeout=60, trust_env=False)


def answer(endpoint: str, model: str, question: str) -> str:
    """The greedy answer of ``model``."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
    found = ask(endpoint, "/v1/chat/completions", body)
    assert found.status_code == httpx.codes.OK, found.text
    return str(found.json()["choices"][0]["message"]["content"]).strip()


class Peak(threading.Thread):
    """Samples the memory of all processes of a house; ``bytes`` is the most that they held together."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self._house, self._end = house, threading.Event()
        self.bytes = 0

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        """Sum the resident sets; pages that processes share count for each."""
        while not self._end.wait(0.5):
            self.bytes = max(self.bytes, sum(map(_resident, self._house.processes())))


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own; fails the test that leaves a process behind after delete."""
    made = House(tmp_path)
    yield made
    made.close()


@dataclass(frozen=True)
class Quickstart:
    """The quickstart's one run: the house it was run in, how it ended, and the memory it took."""

    house: House
    ran: Ran
    peak_bytes: int
    left: list[psutil.Process]

    @property
    def adapter(self) -> Path:
        """The directory that it left the adapter in."""
        return self.house.work / "quickstart-adapter"


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    """``llmwright run quickstart.yaml --exit``, once for all tests."""
    house = House(tmp_path_factory.mktemp("quickstart"))
    with Peak(house) as peak:
        ran = house("run", "quickstart.yaml", "--exit")
    yield Quickstart(house, ran, peak.bytes, house.lingering())
    house.close()


@pytest.fixture(scope="session")
def served(quickstart: Quickstart) -> str:
    """The endpoint of the quickstart's Workspace, applied again after its run had ended."""
    assert quickstart.house.ok("apply", "-f", "quickstart.yaml") == "workspace.kaito.sh/quickstart configured\n"
    return quickstart.house.ready("quickstart")
