"""Two ways to answer many requests in each step, in one process on one model: transformers' manager, and our rows.

    python -m benchmarks.batching_ways [MODEL_DIRECTORY | --random] [--rounds 3] [--rows 1,8,32] [--dtype float32]

Both answer the same prompts of 128 tokens with 128 tokens each, without a server; ``generate`` over a static batch
stands beside them, which no request can join or leave. The first round warms up.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.__main__ import DEMO
from benchmarks.runtimes import random_llama, spread

PROMPT_TOKENS = 128
Way = Callable[[Any, list[list[int]], int], None]
"""A model, prompts, and how many tokens each answer has."""


def main() -> None:
    given = arguments()
    import torch

    torch.set_num_threads(given.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        source = random_llama(Path(folder) / "random") if given.random else given.model
        print(f"load of the machine: {os.getloadavg()[0]:.1f}; {device}, {given.rounds} rounds; tokens/s", flush=True)
        for rows in given.rows:
            # Each way has a model of its own, and for each number of rows: the manager puts other attention into its,
            # and keeps the sizes that it took for its first requests.
            models = {name: loaded(source, device, given.dtype) for name in WAYS}
            report(rows, measure(models, rows, given))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


def loaded(source: Path, device: str, dtype: str) -> Any:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    return model.to(device).eval()


def measure(models: dict[str, Any], rows: int, given: argparse.Namespace) -> dict[str, list[float]]:
    """Return the tokens per second of each way, one number for each counted round."""
    import torch

    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(given.rounds + 1):
        torch.manual_seed(number)
        vocabulary = next(iter(models.values())).config.vocab_size
        prompts = torch.randint(5, vocabulary - 5, (rows, PROMPT_TOKENS)).tolist()
        for name in WAYS if number % 2 else reversed(WAYS):
            began = time.perf_counter()
            WAYS[name](models[name], prompts, given.tokens)
            rates[name] += [rows * given.tokens / (time.perf_counter() - began)] if number else []
    return rates


def by_generate(model: Any, prompts: list[list[int]], tokens: int) -> None:
    import torch

    ids = torch.tensor(prompts, device=model.device)
    lengths = {"max_new_tokens": tokens, "min_new_tokens": tokens, "pad_token_id": 0}
    answers = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, **lengths)
    assert answers.shape[1] == PROMPT_TOKENS + tokens


def by_manager(model: Any, prompts: list[list[int]], tokens: int) -> None:
    from transformers import ContinuousBatchingConfig, GenerationConfig

    # No token has the number that would end an answer.
    config = GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
    # Without a number it takes nine tenths of the memory for its cache. A block holds 256 tokens, as each row has.
    sizes = ContinuousBatchingConfig(num_blocks=4 * len(prompts))
    answers = model.generate_batch(
        prompts, generation_config=config, continuous_batching_config=sizes, persistent_manager=True
    )
    assert sorted(len(each.generated_tokens) for each in answers.values()) == [tokens] * len(prompts)


def by_rows(model: Any, prompts: list[list[int]], tokens: int) -> None:
    from llmwright_runtime_hf.serve.engine.batch import Batch
    from llmwright_runtime_hf.serve.engine.batch_probe import probe
    from llmwright_runtime_hf.serve.engine.interface import SamplingParams
    from llmwright_runtime_hf.serve.engine.rows import Row
    from llmwright_runtime_hf.serve.engine.sampling import Sampler

    batch = Batch(model, ability=probe(model))
    rows = [Row("base", prompt, Sampler(SamplingParams(), model.device, prompt=len(prompt))) for prompt in prompts]
    batch.read_together(rows)
    batch.join(rows)
    for _ in range(tokens - 1):
        batch.step()
    assert {len(row.tokens) for row in rows} == {PROMPT_TOKENS + tokens}


WAYS: dict[str, Way] = {"generate, static": by_generate, "generate_batch": by_manager, "our rows": by_rows}


def report(rows: int, rates: dict[str, list[float]]) -> None:
    middle = {name: statistics.median(each) for name, each in rates.items()}
    static, manager, ours = middle.values()
    print(f"{rows} rows: " + "; ".join(f"{name} {spread(each, 0)}" for name, each in rates.items()))
    print(f"  our rows over generate_batch {ours / manager:.2f}, over generate {ours / static:.2f}", flush=True)


if __name__ == "__main__":
    main()
