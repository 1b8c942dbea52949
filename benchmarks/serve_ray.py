"""The runtime ``ray`` against the same engine without Ray, its replicas, and its start against Ray's own commands.

    LLMWRIGHT_RAY=.venv-ray python -m benchmarks.serve_ray engine [--rounds 5] [--concurrency 32] [--tokens 64]
    LLMWRIGHT_RAY=.venv-ray python -m benchmarks.serve_ray replicas [--rounds 5]
    LLMWRIGHT_RAY=.venv-ray python -m benchmarks.serve_ray start [--rounds 3]

``engine``: a Llama of 45M random weights in the server of ``hf`` and in one replica of ``ray``, both up, and asked in
turn; a pair is one level on each, and its ratio is ray over hf. ``replicas``: one against two, with a stand-in for
the engine that answers after a fixed time (``benchmarks.ray_stand_in``), and with the engine. ``start``: ``llmwright
apply`` to the first token, against ``ray start`` and ``serve.run`` of the same application, in turn, each alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psutil
from benchmarks.__main__ import DEMO, ROOT
from benchmarks.runtimes import random_llama, serving
from benchmarks.serve_hf import without_end

import llmwright
from llmwright.app.benchmark.statistics import LevelResult

ENVIRONMENT = Path(os.environ.get("LLMWRIGHT_RAY", ROOT / ".venv-ray")).resolve()
PYTHON, RAY = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "bin" / "ray"
OURS = ("-m", "llmwright_runtime_ray.serve")
PATIENCE_S = 600.0
TARGETS = {"non-streamed": "at least 0.9", "replicas": "at least 1.8", "start": "at most +3 s"}
"""The aims of this repository."""

BARE = """
import sys
import ray
from ray import serve
from llmwright_runtime_ray.serve.app import application
from llmwright_runtime_ray.serve.options import parse
ray.init(address=sys.argv[1], log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(application(parse(sys.argv[3:], {})), route_prefix="/")
"""


def main() -> None:
    given = arguments()
    # Servers have sessions of their own, and are ended when this process is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "RAY_USAGE_STATS_ENABLED": "0"}
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, {given.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        {"engine": compare_engine, "replicas": compare_replicas, "start": compare_start}[given.part](
            given, Path(folder)
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def compare_engine(given: argparse.Namespace, folder: Path) -> None:
    model = without_end(random_llama(folder / "random"), folder / "model")
    common = ("--model", str(model), "--served-model-name", "demo", "--threads", str(given.threads))
    with contextlib.ExitStack() as servers:
        bare = servers.enter_context(running(("-m", "llmwright_runtime_hf.serve", *common), folder / "hf.log"))
        ours = servers.enter_context(running((*OURS, *common), folder / "ray.log"))
        for stream in (False, True):
            pairs = []
            for number in range(given.rounds):
                urls = (ours, bare) if number % 2 else (bare, ours)
                levels = {url: level_of(url, given, stream=stream, seed=number) for url in urls}
                pairs.append((levels[ours], levels[bare]))
            report_engine("streamed" if stream else "non-streamed", pairs, given)


def report_engine(how: str, pairs: list[tuple[LevelResult, LevelResult]], given: argparse.Namespace) -> None:
    rates = [(ours.output_tokens_per_s or 0, bare.output_tokens_per_s or 0) for ours, bare in pairs]
    mine, theirs = (statistics.median(values) for values in zip(*rates, strict=True))
    line = f"{how}, {given.concurrency} clients: ray {mine:,.0f} tokens/s, hf {theirs:,.0f}; "
    print(f"{line}ray over hf {span([a / b for a, b in rates])}{aim(how)}", flush=True)
    first = [(ours.ttft_ms, bare.ttft_ms) for ours, bare in pairs]
    times = [(a.p50, b.p50) for a, b in first if a is not None and b is not None]
    if times:
        mine, theirs = (statistics.median(values) for values in zip(*times, strict=True))
        print(f"  time to first token: ray {mine:.0f} ms, hf {theirs:.0f} ms, {span([a / b for a, b in times])}")


def compare_replicas(given: argparse.Namespace, folder: Path) -> None:
    """A stand-in answers after 0.4 s and a replica takes 8 at a time: 20 answers/s. The engine has one thread each."""
    held = ("-m", "benchmarks.ray_stand_in", "--max-ongoing-requests", "8")
    ratios = over_one_replica(held, given, folder, "a stand-in engine (20 of one replica at most)", 160)
    print(f"two replicas over one, of a stand-in that answers after 0.4 s: {span(ratios)}{aim('replicas')}")
    engine = (*OURS, "--threads", "1")
    ratios = over_one_replica(engine, given, folder, "the engine of hf", 2 * given.concurrency)
    print(f"two replicas over one, of the real engine on {os.cpu_count()} CPUs: {span(ratios)}")


def over_one_replica(
    server: tuple[str, ...], given: argparse.Namespace, folder: Path, what: str, requests: int
) -> list[float]:
    """Return the answers per second of two replicas over those of one, for each pair."""
    rates: dict[int, float] = {}
    ratios = []
    with contextlib.ExitStack() as servers:
        urls = {}
        for count in (1, 2):
            size = str(count)
            copies = ("--min-replicas", size, "--max-replicas", size, "--initial-replicas", size)
            own = ("--model", str(DEMO), "--served-model-name", "demo", *copies)
            urls[count] = servers.enter_context(running((*server, *own), folder / f"{count}.log"))
        for number in range(given.rounds):
            for count in (1, 2) if number % 2 else (2, 1):
                level = level_of(urls[count], given, stream=False, seed=number, requests=requests)
                rates[count] = level.requests_per_s or 0
            ratios.append(rates[2] / rates[1])
            print(f"  {what}: {rates[1]:.1f} answers/s of one replica, {rates[2]:.1f} of two", flush=True)
    return ratios


def compare_start(given: argparse.Namespace, folder: Path) -> None:
    os.environ["LLMWRIGHT_STATE_DIRECTORY"] = str(folder / "state")
    # Where both sides are not given it, Ray 2.60's head asks for a token that the driver does not send.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.setdefault("LLMWRIGHT_RAY", str(ENVIRONMENT))
    further = []
    for number in range(given.rounds):
        seconds = {name: start() for name, start in starts(folder, number)}
        further.append(seconds["apply"] - seconds["bare"])
        print(f"  llmwright apply {seconds['apply']:.1f} s, bare {seconds['bare']:.1f} s", flush=True)
    print(f"to the first token, over `ray start` and `serve.run`: {span(further, '+')} s{aim('start')}")


def starts(folder: Path, number: int) -> Iterator[tuple[str, Callable[[], float]]]:
    """Yield both ways to start, in turning order."""
    ways: list[tuple[str, Callable[[], float]]] = [
        ("apply", ours_to_first_token),
        ("bare", lambda: bare_to_first_token(folder)),
    ]
    yield from ways if number % 2 else reversed(ways)


def ours_to_first_token() -> float:
    with serving("ray", DEMO) as contender:
        return contender.first_token_s


def bare_to_first_token(folder: Path) -> float:
    """Start Ray by its own command, and the application by ``serve.run``; return the seconds to the first token."""
    port, gcs, began = free_port(), free_port(), time.perf_counter()
    with quiet(folder / "bare.log") as log, ray_head(gcs):
        flags = ("--model", str(DEMO), "--served-model-name", "demo", "--port", str(port))
        command = [str(PYTHON), "-c", BARE, f"127.0.0.1:{gcs}", str(port), *flags]
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
            raise RuntimeError((folder / "bare.log").read_text()[-2000:])
        first_token(f"http://127.0.0.1:{port}")
        return time.perf_counter() - began


@contextlib.contextmanager
def ray_head(port: int) -> Iterator[None]:
    """Run ``ray start --head`` until the block ends. ``ray stop`` would end all clusters of the machine."""
    command = [str(RAY), *("start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false"), f"--port={port}"]
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as files:
        with quiet(Path(files) / "log") as log:
            head = subprocess.Popen([*command, f"--temp-dir={files}"], stdout=log, stderr=log, start_new_session=True)
        try:
            until_started(Path(files) / "log", head)
            yield
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in psutil.Process(head.pid).children(recursive=True):
                    process.kill()
            head.kill()
            head.wait()


def until_started(log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        if b"Ray runtime started" in log.read_bytes():
            return
        time.sleep(0.05)
    raise RuntimeError(f"ray start ended with {process.poll()}: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def running(command: tuple[str, ...], log: Path) -> Iterator[str]:
    """Run a server of Ray's environment on a free port until the block ends; yield its URL once it answers."""
    port = free_port()
    with quiet(log) as sink:
        # A session of its own: the kernel shares the processors among sessions, not among processes.
        process = subprocess.Popen(
            [PYTHON, *command, "--port", str(port)], cwd=ROOT, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            first_token(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextlib.contextmanager
def quiet(log: Path) -> Iterator[int]:
    with log.open("ab") as sink:
        yield sink.fileno()


def level_of(
    url: str, given: argparse.Namespace, *, stream: bool, seed: int, requests: int | None = None
) -> LevelResult:
    asked = llmwright.bench(
        url, model="demo", concurrency=(given.concurrency,), requests=requests or 2 * given.concurrency,
        input_tokens=64, output_tokens=given.tokens, api="completions", stream=stream, seed=seed,
    )  # fmt: skip
    (level,) = asked.levels
    assert level.failed == 0, level.failures
    return level


def first_token(url: str, process: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
    """Wait until the server has answered one token."""
    body: Mapping[str, object] = {"model": "demo", "prompt": "Who", "max_tokens": 1}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"it ended: {log.read_text()[-2000:] if log else ''}")
        with contextlib.suppress(httpx.TransportError):
            status = httpx.post(f"{url}/v1/completions", json=body, timeout=60, trust_env=False).status_code
            if status == 200:
                return
            if 400 <= status < 500:
                raise RuntimeError(f"{url} refuses a completion with {status}")
        time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer within {PATIENCE_S:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def span(values: list[float], sign: str = "") -> str:
    """Return the median of pairs with the lowest and the highest."""
    form = f"{{:{sign}.2f}}"
    low, middle, high = map(form.format, (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})"


def aim(what: str) -> str:
    return f"; the aim is {TARGETS[what]}" if what in TARGETS else ""


PARTS = {"engine": compare_engine, "replicas": compare_replicas, "start": compare_start}

if __name__ == "__main__":
    main()
