"""The hf runtime against ``transformers serve``, with and without its continuous batching, interleaved in one run.

    python -m benchmarks.serve_hf [MODEL_DIRECTORY | --random | --shape 8b] [--rounds 5] [--tokens 128]
        [--concurrency 1,8,32] [--dtype float32] [--vllm PROGRAM] [--batching-alone] [--compile]

All serve the same files in the same dtype with the same number of threads, and stream answers of exactly ``--tokens``
tokens to prompts of 128: they serve a copy of the directory in which no token ends an answer. transformers' own
``generate`` over a static batch of the same size is measured beside them. ``--random`` makes a Llama of 45M parameters
that knows nothing; ``--shape 8b`` one of Llama 3.1 8B (for a GPU, with ``--dtype bfloat16``), ``--shape tiny`` tries
the same path on a CPU. ``--vllm`` adds vLLM, by the path of its program. ``--batching-alone`` leaves out the plain
``transformers serve``, which answers one request at a time, and takes most of the time at many clients.
``--compile`` passes that flag to ``transformers serve``.
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
from typing import Any

import httpx
from benchmarks.__main__ import DEMO
from benchmarks.runtimes import random_llama

import llmwright
from llmwright.app.benchmark.statistics import LevelResult

PROMPT_TOKENS = 128
OURS = "llmwright hf"
REQUESTS = 2
"""For each client."""
LEAST_REQUESTS = 20
"""Of fewer, the 95th percentile is the slowest alone. Each client sends as many: else some idle at the end."""

SHAPES = {
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 8192,
    },
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
}


@dataclass(frozen=True)
class Contender:
    name: str
    command: tuple[str, ...]
    model: str
    port: int


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        source = given.model
        if given.random or given.shape:
            source = (
                shaped_llama(Path(folder) / "random", given) if given.shape else random_llama(Path(folder) / "random")
            )
        model = without_end(source, Path(folder) / "model")
        rivals = (True,) if given.batching_alone else (False, True)
        contenders = (ours(model, given), *(transformers_serve(model, given, batching) for batching in rivals))
        contenders += (vllm_serve(model, given),) if given.vllm else ()
        for contender in contenders:
            servers.enter_context(running(contender, Path(folder), given.threads))
        static = servers.enter_context(static_generate(model, given))
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, {given.rounds} rounds")
        for concurrency in given.concurrency:
            levels, batches = measure(contenders, static, concurrency, given)
            report(concurrency, levels, batches)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--vllm", metavar="PROGRAM")
    parser.add_argument("--batching-alone", action="store_true")
    parser.add_argument("--compile", action="store_true")
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


def shaped_llama(folder: Path, given: argparse.Namespace) -> Path:
    """Write a Llama of random weights with the demo model's tokenizer; return its directory."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    config: Any = LlamaConfig.from_pretrained(DEMO)
    config.update({**SHAPES[given.shape], "dtype": given.dtype})
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, given.dtype))
    model.save_pretrained(folder)
    return folder


def ours(model: Path, given: argparse.Namespace, *more: str) -> Contender:
    port = free_port()
    flags = (*more, "--model", str(model), "--port", str(port), "--dtype", given.dtype, "--threads", str(given.threads))
    return Contender(OURS, (sys.executable, "-m", "llmwright_runtime_hf.serve", *flags), model.name, port)


def transformers_serve(model: Path, given: argparse.Namespace, batching: bool) -> Contender:
    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    flags: tuple[str, ...] = (str(model), "--port", str(port), "--dtype", given.dtype, "--host", "127.0.0.1")
    flags += ("--compile",) if given.compile else ()
    name, more = ("transformers, batching", ("--continuous-batching",)) if batching else ("transformers serve", ())
    return Contender(name, (program, "serve", *flags, *more), str(model), port)


def vllm_serve(model: Path, given: argparse.Namespace) -> Contender:
    port = free_port()
    flags = (str(model), "--port", str(port), "--dtype", given.dtype, "--host", "127.0.0.1", "--max-model-len", "1024")
    return Contender("vllm", (given.vllm, "serve", *flags), str(model), port)


@contextlib.contextmanager
def static_generate(model: Path, given: argparse.Namespace) -> Iterator[subprocess.Popen[str]]:
    """Start the process that measures a static batch for each line that it is sent."""
    command = [sys.executable, "-m", "benchmarks.static_generate", str(model), "--dtype", given.dtype]
    pipe = subprocess.PIPE
    process = subprocess.Popen([*command, "--threads", str(given.threads)], stdin=pipe, stdout=pipe, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.terminate()
        process.wait()


def static_rate(static: subprocess.Popen[str], rows: int, given: argparse.Namespace) -> float:
    assert static.stdin is not None
    assert static.stdout is not None
    static.stdin.write(f"{rows} {PROMPT_TOKENS} {given.tokens}\n")
    static.stdin.flush()
    return float(static.stdout.readline())


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
    contenders: tuple[Contender, ...], static: subprocess.Popen[str], concurrency: int, given: argparse.Namespace
) -> tuple[dict[str, list[LevelResult]], list[float]]:
    """Return the levels of each contender, and the rates of static batches.

    One level each in turn, so that whatever else the machine does meets all; the first round is not counted. Each
    round has prompts of its own: a server would answer those of the round before from its cache."""
    levels: dict[str, list[LevelResult]] = {contender.name: [] for contender in contenders}
    batches: list[float] = []
    for number in range(given.rounds + 1):
        rate = static_rate(static, concurrency, given)
        batches += [rate] if number else []
        for contender in contenders if number % 2 else reversed(contenders):
            result = llmwright.bench(
                f"http://127.0.0.1:{contender.port}",
                model=contender.model,
                api="completions",
                concurrency=(concurrency,),
                requests=concurrency * max(REQUESTS, -(-LEAST_REQUESTS // concurrency)),
                input_tokens=PROMPT_TOKENS,
                output_tokens=given.tokens,
                seed=1000 * concurrency + number,
            )
            if number:
                levels[contender.name].append(result.levels[0])
    return levels, batches


def report(concurrency: int, levels: dict[str, list[LevelResult]], batches: list[float]) -> None:
    print(f"\n{concurrency} clients: tokens/s, and time to first token (p50, p95) in ms; medians (lowest to highest)")
    rates = {name: [level.output_tokens_per_s or 0.0 for level in each] for name, each in levels.items()}
    for name, each in levels.items():
        first = [level.ttft_ms for level in each if level.ttft_ms is not None]
        p50, p95 = (statistics.median(getattr(times, point) for times in first) for point in ("p50", "p95"))
        rate, failed = rates[name], sum(level.failed for level in each)
        spread = f"{statistics.median(rate):7.1f} ({min(rate):.1f} to {max(rate):.1f})"
        print(f"  {name:22} {spread:32} {p50:8.0f} {p95:8.0f}" + (f"  {failed} failed" if failed else ""))
    static = statistics.median(batches)
    print(f"  {'generate, static batch':22} {static:7.1f} ({min(batches):.1f} to {max(batches):.1f})")
    rivals = [name for name in levels if name.startswith("transformers")]
    mine, better = (max(statistics.median(rates[name]) for name in names) for names in ([OURS], rivals))
    print(f"  ratio to the better of transformers serve {mine / better:.2f}x, to generate {mine / static:.2f}x")
    p95 = {
        name: statistics.median(level.ttft_ms.p95 for level in each if level.ttft_ms) for name, each in levels.items()
    }
    print(f"  p95 of the first token: {p95[OURS] / min(p95[name] for name in rivals):.2f}x of the better", flush=True)


if __name__ == "__main__":
    main()
