"""The workload half. ``trainer`` reads rows and writes files; the method is here, and learns nothing yet."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from llmwright.plugins.trainer import main, parser, report, write_adapter

CHECKPOINT = "checkpoint.json"


def step(rows: list[dict[str, Any]], number: int) -> float:
    """Put your training here: learn from ``rows`` once, and return the loss."""
    time.sleep(0.03)
    row = rows[number % len(rows)]
    return len(row["completion"]) / number


def train(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Go on from the last checkpoint, and write the adapter in peft's layout."""
    checkpoint = options.results / CHECKPOINT
    first = json.loads(checkpoint.read_text())["step"] + 1 if checkpoint.exists() else 1
    for number in range(first, options.steps + 1):
        loss = step(rows, number)
        # Whole or not at all: a run that is killed here finds the checkpoint before this one.
        (options.results / "checkpoint.part").write_text(json.dumps({"step": number}))
        (options.results / "checkpoint.part").replace(checkpoint)
        report(options.results, number, options.steps, loss)
    write(options, json.loads((Path(options.model) / "config.json").read_text()))
    # After the adapter: a run that is cut off between the two goes on, and writes the adapter.
    checkpoint.unlink(missing_ok=True)


def write(options: argparse.Namespace, sizes: dict[str, Any]) -> None:
    """Put your weights here: shape and numbers of each matrix, by its name."""
    targets = options.targets.split(",")
    shape = (options.rank, sizes["hidden_size"])
    numbers = [0.5] * shape[0] * shape[1]
    matrices = {
        f"layers.{layer}.self_attn.{target}.lora_A": (shape, numbers)
        for layer in range(sizes["num_hidden_layers"])
        for target in targets
    }
    config = {"r": options.rank, "lora_alpha": 16, "target_modules": targets}
    write_adapter(options.results, matrices, config)


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--targets")
    for name in ("rank", "steps"):
        arguments.add_argument(f"--{name}", type=int)
    sys.exit(main(train, arguments.parse_args()))
