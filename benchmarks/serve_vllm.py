"""The runtime ``vllm`` against bare ``vllm serve`` with the same flags: what runs, throughput, and the start.

    LLMWRIGHT_VLLM=.venv-vllm python -m benchmarks.serve_vllm [--rounds 15] [--concurrency 1,8,32] [--starts 3]

The starts come first, in pairs in turning order, each alone on the machine.
Then both engines are up at once, and are asked in turn: a pair is one level on each of them, and its ratio is ours
over theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

import llmwright

ENGINE = Path(os.environ.get("LLMWRIGHT_VLLM", ".venv-vllm")).resolve() / "bin" / "vllm"
SUPERVISOR = "llmwright.targets.local"
PATIENCE_S = 900.0
QUIET = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: bench}
resource: {}
inference: {preset: {name: demo}, runtime: vllm, config: engine}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data: {inference_config.yaml: "vllm: {enforce-eager: true, max-num-seqs: 32}"}
"""


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
        compare_starts(Path(folder), given.starts)
        ours, argv, _ = servers.enter_context(workspace(Path(folder)))
        show_processes(until(lambda: engine_below(f"{folder}/state")))
        theirs, _ = servers.enter_context(bare(argv, Path(folder)))
        for concurrency in given.concurrency:
            report(concurrency, [pair(ours, theirs, concurrency, number, given) for number in range(given.rounds)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    return parser.parse_args()


def compare_starts(folder: Path, pairs: int) -> None:
    """Print what ``apply`` takes to the first token beyond the bare command, each alone on the machine."""
    # This start counts for none of them: it reads the engine's files into the machine's cache.
    with workspace(folder) as (_, argv, _):
        pass
    further = []
    for number in range(pairs):
        seconds = {}
        for mine in (True, False) if number % 2 else (False, True):
            with workspace(folder) if mine else bare(argv, folder) as started:
                seconds[mine] = started[-1]
        further.append(seconds[True] - seconds[False])
        print(f"  to the first token: llmwright apply {seconds[True]:.1f} s, bare {seconds[False]:.1f} s", flush=True)
    if further:
        middle = statistics.median(further)
        print(f"apply over bare: {middle:+.1f} s ({min(further):+.1f} to {max(further):+.1f}); the aim is at most +3 s")


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[tuple[str, list[str], float]]:
    """Serve the demo model by the runtime. Yield its URL, the engine's command, and the seconds to the first token."""
    (folder / "llmwright.yaml").write_text(f"plugins: {{runtime: {{vllm: {{program: {ENGINE}}}}}}}\n")
    (folder / "bench.yaml").write_text(WORKSPACE)
    env = {**os.environ, **QUIET, "LLMWRIGHT_STATE_DIRECTORY": str(folder / "state")}

    def verb(*words: str) -> str:
        command = [sys.executable, "-m", "llmwright", *words]
        return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout

    before = time.monotonic()
    verb("apply", "-f", "bench.yaml")
    try:
        engine = until(lambda: engine_below(str(folder / "state")))
        url = f"http://127.0.0.1:{port_of(engine.cmdline())}"
        first_token(url)
        yield url, engine.cmdline(), time.monotonic() - before
    finally:
        verb("delete", "bench")


def engine_below(state: str) -> psutil.Process | None:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                SUPERVISOR in " ".join(process.cmdline())
                and process.environ().get("LLMWRIGHT_STATE_DIRECTORY") == state
            ):
                children = [each for each in process.children() if str(ENGINE) in each.cmdline()]
                return children[0] if children else None
    return None


def show_processes(engine: psutil.Process) -> None:
    """Print what listens: the engine's own processes, and none of ours."""
    for process in (engine, *engine.children(recursive=True)):
        ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == "LISTEN"]
        print(f"  {process.pid} {' '.join(process.cmdline())[:100]} {f'listens on {ports}' if ports else ''}")


@contextlib.contextmanager
def bare(argv: list[str], folder: Path) -> Iterator[tuple[str, float]]:
    """Start the same command on another port, without our plug-in. Yield its URL and the seconds to the first token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [f"--port={port}" if word.startswith("--port=") else word for word in argv]
    own = {"VLLM_USE_FLASHINFER_SAMPLER": "0", "VLLM_USE_DEEP_GEMM": "0"}
    before = time.monotonic()
    with (folder / "bare.log").open("wb") as log:
        # As the supervisor starts it: the kernel shares the processors among sessions, not among processes.
        process = subprocess.Popen(
            command, env={**os.environ, **QUIET, **own}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        first_token(url)
        yield url, time.monotonic() - before
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


def until(look: Callable[[], Any], step_s: float = 0.2) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(step_s)
    raise TimeoutError(f"not so within {PATIENCE_S:.0f} s")


def port_of(argv: list[str]) -> str:
    return next(word for word in argv if word.startswith("--port=")).partition("=")[2]


def pair(ours: str, theirs: str, concurrency: int, number: int, given: argparse.Namespace) -> dict[str, float]:
    """Return the ratios of one pair. Every second pair begins with the other engine."""
    figures: dict[str, tuple[float, float]] = {}
    for url in (ours, theirs) if number % 2 else (theirs, ours):
        asked = llmwright.bench(
            url, model="demo", concurrency=(concurrency,), requests=max(4, 2 * concurrency), input_tokens=32,
            output_tokens=given.tokens, seed=number,
        )  # fmt: skip
        (level,) = asked.levels
        assert level.failed == 0, level.failures
        assert level.ttft_ms is not None
        figures[url] = (level.output_tokens_per_s or 0.0, level.ttft_ms.p50)
    (speed, first), (bare_speed, bare_first) = figures[ours], figures[theirs]
    return {"tokens/s": speed, "ms": first, "throughput": speed / bare_speed, "time to first token": first / bare_first}


def report(concurrency: int, pairs: list[dict[str, float]]) -> None:
    middle = {name: statistics.median(each[name] for each in pairs) for name in pairs[0]}
    spans = {name: (min(each[name] for each in pairs), max(each[name] for each in pairs)) for name in pairs[0]}
    ratios = "; ".join(
        f"{name} {middle[name]:.3f} ({spans[name][0]:.3f} to {spans[name][1]:.3f})"
        for name in ("throughput", "time to first token")
    )
    print(f"{concurrency:3} clients, {len(pairs)} pairs: {middle['tokens/s']:.0f} tokens/s, {middle['ms']:.0f} ms; "
          f"ours over bare: {ratios}", flush=True)  # fmt: skip
    print(json.dumps({"concurrency": concurrency, "median": middle}), file=sys.stderr)


if __name__ == "__main__":
    main()
