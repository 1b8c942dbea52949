"""A tuner of nothing but the standard library: the trainer."""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

CHECKPOINT = "checkpoint.json"


def read(data: Path) -> list[dict[str, str]]:
    """Return the rows of the data set.

    Raises:
        ValueError: there are none, or one is not a question with its answer.
    """
    rows = []
    for file in sorted(data.rglob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            row = json.loads(line)
            if not isinstance(row, dict) or {"prompt", "completion"} - row.keys():
                raise ValueError(f"{file.name}, line {number}: no prompt and completion")
            rows.append(row)
    if not rows:
        raise ValueError(f"{data} holds no rows")
    return rows


def train(options: argparse.Namespace) -> int:
    """Tune, and write the adapter in peft's layout."""
    read(options.data)
    sizes = json.loads((Path(options.model) / "config.json").read_text())
    checkpoint = options.results / CHECKPOINT
    first = json.loads(checkpoint.read_text())["step"] + 1 if checkpoint.exists() else 1
    for step in range(first, options.steps + 1):
        time.sleep(0.05)
        checkpoint.write_text(json.dumps({"step": step}))
        event = {"event": "step", "step": step, "max_steps": options.steps, "loss": 1 / step}
        with (options.results / "progress.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")
        print(f"step {step}/{options.steps}", flush=True)
    write(options, sizes)
    checkpoint.unlink(missing_ok=True)
    return 0


def write(options: argparse.Namespace, sizes: dict[str, Any]) -> None:
    """Write the two files."""
    targets = options.targets.split(",")
    about = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": options.rank,
        "lora_alpha": 16,
        "target_modules": targets,
    }
    (options.results / "adapter_config.json").write_text(json.dumps(about))
    data = struct.pack("<f", 0.5) * options.rank * sizes["hidden_size"]
    header, end = {}, 0
    for layer in range(sizes["num_hidden_layers"]):
        for module in targets:
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_A.weight"
            offsets = [end, end + len(data)]
            header[name] = {"dtype": "F32", "shape": [options.rank, sizes["hidden_size"]], "data_offsets": offsets}
            end += len(data)
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + data * len(header)
    (options.results / "adapter_model.safetensors").write_bytes(content)


def inspect(options: argparse.Namespace) -> int:
    """Read every row."""
    print(f"{len(read(options.data))} rows")
    return 0


def sample(options: argparse.Namespace) -> int:
    """Print the first rows."""
    for row in read(options.data)[: options.rows]:
        print(json.dumps({"prompt": row["prompt"], "completion": row["completion"]}))
    return 0


def main() -> int:
    """Return the exit code: 2 where the data set is bad."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("verb", choices=("train", "inspect", "sample"))
    for name in ("model", "revision", "targets", "config"):
        parser.add_argument(f"--{name}")
    for name in ("data", "results"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("rank", "steps", "rows"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    try:
        return {"train": train, "inspect": inspect, "sample": sample}[options.verb](options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
