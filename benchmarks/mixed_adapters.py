"""The hf runtime with the base and two adapters mixed in one batch, against the base alone, in turns on one server.

    python -m benchmarks.mixed_adapters [MODEL_DIRECTORY | --random] [--rounds 5] [--clients 30] [--tokens 128]

A third of the clients asks each of the three; for the base alone all thirds ask the base. The adapters are random LoRA
of rank 8 on the projections of attention.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.__main__ import DEMO
from benchmarks.runtimes import random_llama, spread
from benchmarks.serve_hf import PROMPT_TOKENS, REQUESTS, ours, running, without_end

import llmwright

ADAPTERS = ("first", "second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        source = random_llama(Path(folder) / "random") if given.random else given.model
        model = without_end(source, Path(folder) / "model")
        adapters = [save_adapter(model, Path(folder) / name, seed) for seed, name in enumerate(ADAPTERS)]
        flags = [part for path in adapters for part in ("--adapter", f"{path.name}={path}")]
        contender = ours(model, given, *flags)
        servers.enter_context(running(contender, Path(folder), given.threads))
        report(f"http://127.0.0.1:{contender.port}", contender.model, given)


def save_adapter(model: Path, folder: Path, seed: int) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=8, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], init_lora_weights=False)
    base: Any = AutoModelForCausalLM.from_pretrained(model)
    get_peft_model(base, config).save_pretrained(str(folder))
    return folder


def report(url: str, base: str, given: argparse.Namespace) -> None:
    mixes = {"base alone": (base, base, base), "base and two adapters": (base, *ADAPTERS)}
    rates: dict[str, list[float]] = {name: [] for name in mixes}
    for number in range(given.rounds + 1):
        for name in mixes if number % 2 else reversed(mixes):
            rate = measure(url, mixes[name], number, given)
            # The first round warms up.
            rates[name] += [rate] if number else []
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; {given.clients} clients, {given.rounds} rounds")
    for name, each in rates.items():
        print(f"  {name:24} {spread(each, 0)} tokens/s")
    alone, mixed = (statistics.median(each) for each in rates.values())
    print(f"  ratio {mixed / alone:.2f}")


def measure(url: str, models: Sequence[str], number: int, given: argparse.Namespace) -> float:
    """Return the tokens per second of all models together, in round ``number``.

    No two prompts are the same, in this round or another: the server would answer one of them from its cache."""
    clients: int = given.clients // len(models)

    def ask(model: str, place: int) -> int:
        result = llmwright.bench(
            url,
            model=model,
            api="completions",
            concurrency=(clients,),
            requests=REQUESTS * clients,
            input_tokens=PROMPT_TOKENS,
            output_tokens=given.tokens,
            warmup=0,
            seed=number * len(models) + place,
        )
        assert result.levels[0].failed == 0, result.levels[0].failures
        return REQUESTS * clients * int(given.tokens)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(models)) as threads:
        tokens = sum(threads.map(ask, models, range(len(models))))
    return tokens / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
