"""``llmwright apply`` to the first token, against the command that it starts by itself.

    python -m benchmarks.first_token hf [--pairs 5]
    LLMWRIGHT_VLLM=.venv-vllm python -m benchmarks.first_token vllm [--pairs 3]

Both are started in pairs in turning order, each alone on the machine. A first start, which reads the engine's files
into the machine's cache, counts for none. ``benchmarks.serve_ray start`` measures ``ray``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
from benchmarks.runtimes import QUIET, settings_of

SUPERVISOR = "llmwright.targets.local"
STATE = "LLMWRIGHT_STATE_DIRECTORY"
PATIENCE_S = 900.0
Found = TypeVar("Found")
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: bench}}
resource: {{}}
inference: {{preset: {{name: demo}}, runtime: {runtime}{config}}}
"""
BARE = {
    "hf": {},
    # Without our part of the engine, and as the runtime starts it on a processor.
    "vllm": {"VLLM_USE_FLASHINFER_SAMPLER": "0", "VLLM_USE_DEEP_GEMM": "0"},
}
"""The runtimes that are measured, and variables of their bare command."""


@dataclass(frozen=True)
class Started:
    """A server that has answered one token, ``seconds`` after its start."""

    url: str
    seconds: float
    process: psutil.Process
    argv: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtime", choices=BARE)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        compare(given.runtime, Path(folder), given.pairs)


def compare(runtime: str, folder: Path, pairs: int) -> None:
    with applied(runtime, folder) as server:
        argv = server.argv
    further = []
    for number in range(pairs):
        seconds = {}
        for ours in (True, False) if number % 2 else (False, True):
            with applied(runtime, folder) if ours else bare(argv, folder, BARE[runtime]) as server:
                seconds[ours] = server.seconds
        further.append(seconds[True] - seconds[False])
        print(f"  to the first token: llmwright apply {seconds[True]:.1f} s, bare {seconds[False]:.1f} s", flush=True)
    middle = statistics.median(further)
    print(f"apply over bare: {middle:+.1f} s ({min(further):+.1f} to {max(further):+.1f}); the aim is at most +3 s")


@contextlib.contextmanager
def applied(runtime: str, folder: Path, config: str = "") -> Iterator[Started]:
    """Serve the demo model by ``llmwright apply``, with the engine's options ``config``, until the block ends."""
    (folder / "llmwright.yaml").write_text(f"plugins: {{runtime: {settings_of(runtime)}}}\n")
    text = WORKSPACE.format(runtime=runtime, config=", config: engine" if config else "")
    (folder / "bench.yaml").write_text(text + (CONFIG_MAP.format(config) if config else ""))
    env = {**os.environ, **QUIET, "OMP_WAIT_POLICY": "PASSIVE", STATE: str(folder / "state")}

    def verb(*words: str) -> None:
        command = [sys.executable, "-m", "llmwright", *words]
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)

    before = time.monotonic()
    verb("apply", "-f", "bench.yaml")
    try:
        engine = until(lambda: engine_below(env[STATE]))
        argv = tuple(engine.cmdline())
        url = f"http://127.0.0.1:{argv[port_place(argv)].rpartition('=')[2]}"
        first_token(url)
        yield Started(url, time.monotonic() - before, engine, argv)
    finally:
        verb("delete", "bench")


CONFIG_MAP = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: engine}}
data: {{inference_config.yaml: "{}"}}
"""


def engine_below(state: str) -> psutil.Process | None:
    """Return the process below the supervisor of ``state`` that was given a port."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if SUPERVISOR in " ".join(process.cmdline()) and process.environ().get(STATE) == state:
                children = [each for each in process.children() if any("--port" in word for word in each.cmdline())]
                return children[0] if children else None
    return None


def port_place(argv: tuple[str, ...]) -> int:
    """Return the index of the word that holds the port: ``--port=N``, or the one behind ``--port``."""
    return next(
        place if word.startswith("--port=") else place + 1
        for place, word in enumerate(argv)
        if word == "--port" or word.startswith("--port=")
    )


@contextlib.contextmanager
def bare(argv: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> Iterator[Started]:
    """Run the same command on another port, without a supervisor, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = port_place(argv)
    command = [*argv[:place], f"--port={port}" if "=" in argv[place] else port, *argv[place + 1 :]]
    env = {**os.environ, **QUIET, "OMP_WAIT_POLICY": "PASSIVE", **variables}
    before = time.monotonic()
    with (folder / "bare.log").open("wb") as log:
        # As the supervisor starts it: the kernel shares the processors among sessions, not among processes.
        process = psutil.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        first_token(url)
        yield Started(url, time.monotonic() - before, process, tuple(command))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def first_token(url: str) -> None:
    """Wait until the engine has answered one token."""

    def answered() -> bool:
        with contextlib.suppress(httpx.TransportError):
            body = {"model": "demo", "prompt": "Who", "max_tokens": 1}
            return httpx.post(f"{url}/v1/completions", json=body, timeout=60, trust_env=False).status_code == 200
        return False

    until(answered, step_s=0.05)


def until(look: Callable[[], Found | None], step_s: float = 0.2) -> Found:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(step_s)
    raise TimeoutError(f"not so within {PATIENCE_S:.0f} s")


if __name__ == "__main__":
    main()
