"""The workload half: ``train``, ``inspect`` and ``sample``, with the standard library alone. It learns nothing yet."""

from __future__ import annotations

import argparse
import json
import struct
import sys
import time
from pathlib import Path
from typing import Any

CHECKPOINT = "checkpoint.json"


def read(data: Path) -> list[dict[str, str]]:
    """Return the rows of ``prompt`` and ``completion``.

    Raises:
        ValueError: there are none, or one is something else.
    """
    rows = []
    for file in sorted(data.rglob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            row = json.loads(line)
            if not isinstance(row, dict) or {"prompt", "completion"} - row.keys():
                raise ValueError(f"{file.name}, line {number}: no prompt and completion")
            rows.append(row)
    if not rows:
        raise ValueError("the data set holds no rows in *.jsonl files")
    return rows


def step(rows: list[dict[str, str]], number: int) -> float:
    """Put your training here: learn from ``rows`` once, and return the loss."""
    time.sleep(0.03)
    row = rows[number % len(rows)]
    return len(row["completion"]) / number


def train(options: argparse.Namespace) -> None:
    """Go on from the last checkpoint, and write the adapter in peft's layout."""
    rows = read(options.data)
    checkpoint = options.results / CHECKPOINT
    first = json.loads(checkpoint.read_text())["step"] + 1 if checkpoint.exists() else 1
    for number in range(first, options.steps + 1):
        loss = step(rows, number)
        # Whole or not at all: a run that is killed here finds the checkpoint before this one.
        (options.results / "checkpoint.part").write_text(json.dumps({"step": number}))
        (options.results / "checkpoint.part").replace(checkpoint)
        event = {"event": "step", "step": number, "steps": options.steps, "loss": loss}
        with (options.results / "progress.jsonl").open("a") as progress:
            progress.write(json.dumps(event) + "\n")
        print(f"step {number}/{options.steps}, loss {loss:.4f}", flush=True)
    write(options, json.loads((Path(options.model) / "config.json").read_text()))
    # After the adapter: a run that is cut off between the two goes on, and writes the adapter.
    checkpoint.unlink(missing_ok=True)


def write(options: argparse.Namespace, sizes: dict[str, Any]) -> None:
    """Put your weights here: write ``adapter_config.json`` and ``adapter_model.safetensors``."""
    targets = options.targets.split(",")
    about = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": options.rank,
        "lora_alpha": 16,
        "target_modules": targets,
    }
    (options.results / "adapter_config.json").write_text(json.dumps(about))
    matrix = struct.pack("<f", 0.5) * options.rank * sizes["hidden_size"]
    header, end = {}, 0
    for layer in range(sizes["num_hidden_layers"]):
        for module in targets:
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_A.weight"
            shape, offsets = [options.rank, sizes["hidden_size"]], [end, end + len(matrix)]
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
            end += len(matrix)
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + matrix * len(header)
    (options.results / "adapter_model.safetensors").write_bytes(content)


def inspect(options: argparse.Namespace) -> None:
    """Read every row."""
    print(f"{len(read(options.data))} rows")


def sample(options: argparse.Namespace) -> None:
    """Print the first rows."""
    for row in read(options.data)[: options.rows]:
        print(json.dumps({"prompt": row["prompt"], "completion": row["completion"]}))


def main() -> int:
    """Return 2 where the data set cannot be used: another machine would not help."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("verb", choices=("train", "inspect", "sample"))
    for name in ("model", "revision", "targets", "config"):
        parser.add_argument(f"--{name}")
    for name in ("data", "results"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("rank", "steps", "rows"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--trust-remote-code", action="store_true")
    options = parser.parse_args()
    try:
        {"train": train, "inspect": inspect, "sample": sample}[options.verb](options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
