"""The hf runtime against ``transformers serve``, with and without its continuous batching, interleaved in one run.

    python -m benchmarks.serve_hf [MODEL_DIRECTORY | --random] [--rounds 5] [--tokens 128] [--concurrency 1,8,32]

All serve the same files in the same dtype with the same number of threads, and stream answers of exactly ``--tokens``
tokens to prompts of 128: they serve a copy of the directory in which no token ends an answer. ``--random`` makes a
Llama of 45M parameters that knows nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.__main__ import DEMO
from benchmarks.runtimes import random_llama

import llmwright
from llmwright.app.benchmark.statistics import LevelResult

PROMPT_TOKENS = 128
REQUESTS = 2
"""For each client, and four at least."""


@dataclass(frozen=True)
class Contender:
    name: str
    command: tuple[str, ...]
    model: str
    port: int


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        source = random_llama(Path(folder) / "random") if given.random else given.model
        model = without_end(source, Path(folder) / "model")
        contenders = (ours(model, given), *(transformers_serve(model, given, batching) for batching in (False, True)))
        for contender in contenders:
            servers.enter_context(running(contender, Path(folder), given.threads))
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, {given.rounds} rounds")
        for concurrency in given.concurrency:
            report(concurrency, measure(contenders, concurrency, given))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--concurrency", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


def without_end(model: Path, copy: Path) -> Path:
    """Copy the directory, taking the end token out of its three configs."""
    shutil.copytree(model, copy)
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        file = copy / name
        if file.exists():
            config = json.loads(file.read_text())
            for key in ("eos_token_id", "eos_token"):
                config.pop(key, None)
            file.write_text(json.dumps(config))
    return copy


def ours(model: Path, given: argparse.Namespace) -> Contender:
    port = free_port()
    flags = ("--model", str(model), "--port", str(port), "--dtype", given.dtype, "--threads", str(given.threads))
    return Contender("llmwright hf", (sys.executable, "-m", "llmwright_runtime_hf.serve", *flags), model.name, port)


def transformers_serve(model: Path, given: argparse.Namespace, batching: bool) -> Contender:
    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    flags = (str(model), "--port", str(port), "--dtype", given.dtype, "--host", "127.0.0.1")
    name, more = ("transformers, batching", ("--continuous-batching",)) if batching else ("transformers serve", ())
    return Contender(name, (program, "serve", *flags, *more), str(model), port)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(contender: Contender, folder: Path, threads: int) -> Iterator[None]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    log = folder / f"{contender.port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(contender.command, stdout=sink, stderr=sink, env=environment)
    try:
        while not healthy(contender):
            if process.poll() is not None:
                raise SystemExit(f"{contender.name} did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def healthy(contender: Contender) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{contender.port}/health", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def measure(
    contenders: tuple[Contender, ...], concurrency: int, given: argparse.Namespace
) -> dict[str, list[LevelResult]]:
    """One level each in turn, so that whatever else the machine does meets all; the first round is not counted."""
    levels: dict[str, list[LevelResult]] = {contender.name: [] for contender in contenders}
    for number in range(given.rounds + 1):
        for contender in contenders if number % 2 else reversed(contenders):
            result = llmwright.bench(
                f"http://127.0.0.1:{contender.port}",
                model=contender.model,
                api="completions",
                concurrency=(concurrency,),
                requests=max(REQUESTS * concurrency, 4),
                input_tokens=PROMPT_TOKENS,
                output_tokens=given.tokens,
            )
            if number:
                levels[contender.name].append(result.levels[0])
    return levels


def report(concurrency: int, levels: dict[str, list[LevelResult]]) -> None:
    print(f"\n{concurrency} clients: tokens/s, and time to first token (p50, p95) in ms; medians (lowest to highest)")
    rates = {name: [level.output_tokens_per_s or 0.0 for level in each] for name, each in levels.items()}
    for name, each in levels.items():
        first = [level.ttft_ms for level in each if level.ttft_ms is not None]
        p50, p95 = (statistics.median(getattr(times, point) for times in first) for point in ("p50", "p95"))
        rate, failed = rates[name], sum(level.failed for level in each)
        spread = f"{statistics.median(rate):7.1f} ({min(rate):.1f} to {max(rate):.1f})"
        print(f"  {name:22} {spread:32} {p50:8.0f} {p95:8.0f}" + (f"  {failed} failed" if failed else ""))
    mine, *others = (statistics.median(rate) for rate in rates.values())
    print(f"  ratio to the better rival {mine / max(others):.2f}x", flush=True)


if __name__ == "__main__":
    main()
