"""Tokens per second at one client: the hf runtime against ``transformers serve``, interleaved in one run.

    python -m benchmarks.serve_hf MODEL_DIRECTORY [--rounds 15] [--tokens 128]

Both serve the same files in the same dtype with the same number of threads, and answer the same prompt greedily with
exactly ``--tokens`` tokens: they serve a copy of the directory in which no token ends an answer.
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

PROMPT = "Tell me about the lighthouse and the people who live near it."


@dataclass(frozen=True)
class Contender:
    name: str
    command: tuple[str, ...]
    model: str
    port: int


@dataclass(frozen=True)
class Spread:
    """Of one contender in one mode, over the rounds, in tokens per second."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:7.1f} ({self.low:.1f} to {self.high:.1f})"


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        model = without_end(given.model, Path(folder) / "model")
        contenders = (llmwright(model, given), transformers_serve(model, given))
        for contender in contenders:
            servers.enter_context(running(contender, Path(folder), given.threads))
        for streaming in (False, True):
            report(streaming, measure(contenders, streaming, given))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=128)
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


def llmwright(model: Path, given: argparse.Namespace) -> Contender:
    port = free_port()
    flags = ("--model", str(model), "--port", str(port), "--dtype", given.dtype, "--threads", str(given.threads))
    return Contender("llmwright hf", (sys.executable, "-m", "llmwright_runtime_hf.serve", *flags), model.name, port)


def transformers_serve(model: Path, given: argparse.Namespace) -> Contender:
    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    flags = (str(model), "--port", str(port), "--dtype", given.dtype, "--host", "127.0.0.1")
    return Contender("transformers serve", (program, "serve", *flags), str(model), port)


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


def measure(contenders: tuple[Contender, ...], streaming: bool, given: argparse.Namespace) -> dict[str, Spread]:
    """One request each in turn, so that whatever else the machine does meets both."""
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    with httpx.Client(timeout=600) as client:
        for number in range(given.rounds + 2):
            for contender in contenders if number % 2 else reversed(contenders):
                rate = tokens_per_second(client, contender, streaming, given.tokens)
                if number >= 2:
                    rates[contender.name].append(rate)
    return {name: Spread(min(all_), statistics.median(all_), max(all_)) for name, all_ in rates.items()}


def tokens_per_second(client: httpx.Client, contender: Contender, streaming: bool, tokens: int) -> float:
    url = f"http://127.0.0.1:{contender.port}/v1/completions"
    body = {"model": contender.model, "prompt": PROMPT, "max_tokens": tokens, "temperature": 0, "stream": streaming}
    began = time.perf_counter()
    with client.stream("POST", url, json=body) as answer:
        content = answer.read()
    seconds = time.perf_counter() - began
    answer.raise_for_status()
    if not streaming and (made := json.loads(content)["usage"]["completion_tokens"]) != tokens:
        raise SystemExit(f"{contender.name} made {made} tokens, not {tokens}")
    return tokens / seconds


def report(streaming: bool, spreads: dict[str, Spread]) -> None:
    print(f"\n{'streamed' if streaming else 'whole'} answers, 1 client, tokens/s: median (lowest to highest)")
    for name, spread in spreads.items():
        print(f"  {name:20} {spread}")
    ours, theirs = spreads.values()
    print(f"  ratio of medians     {ours.median / theirs.median:7.2f}x", flush=True)


if __name__ == "__main__":
    main()
