"""transformers' own ``generate`` over a static batch, in a process that waits for the next batch to measure.

    python -m benchmarks.static_generate MODEL_DIRECTORY --dtype float32 --threads 2

Each line of stdin is ``ROWS PROMPT_TOKENS NEW_TOKENS``; the answer is the tokens per second, one number to a line.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(given.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = AutoModelForCausalLM.from_pretrained(given.model, dtype=given.dtype)
    model = model.to(device).eval()
    print("ready", flush=True)
    for line in sys.stdin:
        rows, prompt, new = map(int, line.split())
        ids = torch.randint(5, model.config.vocab_size - 5, (rows, prompt), device=device)
        began = time.perf_counter()
        lengths = {"max_new_tokens": new, "min_new_tokens": new, "pad_token_id": 0}
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, **lengths)
        print(rows * new / (time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
