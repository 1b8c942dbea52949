"""The workload half of a small tuner: its arguments, rows, progress, and the adapter's files.

A tuner's module calls ``main`` with its ``train`` and the arguments of ``parser``, as ``programs.trainer_launch`` and
``programs.data_process`` give them. It imports no model library; ``train`` may.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

__all__ = ["main", "parser", "read_rows", "report", "write_adapter"]

_MOST_ROW = 2**30
"""Bytes of a row. The process is bounded in memory, and a document may be long."""

_KEYS = ("prompt", "completion")

Row = dict[str, Any]
Matrix = tuple[Sequence[int], Iterable[float]]
Tensor = tuple[str, tuple[int, ...], bytes]
"""Type as safetensors names it, shape and bytes."""


def parser() -> argparse.ArgumentParser:
    """Return a parser of the verbs ``train``, ``inspect`` and ``sample``; a tuner adds the arguments of its options."""
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("verb", choices=("train", "inspect", "sample"))
    for name in ("data", "results"):
        arguments.add_argument(f"--{name}", type=Path)
    for name in ("model", "revision", "config"):
        arguments.add_argument(f"--{name}")
    arguments.add_argument("--rows", type=int)
    arguments.add_argument("--trust-remote-code", action="store_true")
    return arguments


def main(train: Callable[[argparse.Namespace, list[Row]], object], options: argparse.Namespace) -> int:
    """Do what the verb says. Return 2 where the data set cannot be used: another machine would not help."""
    try:
        rows = read_rows(options.data)
        if options.verb == "train":
            train(options, rows)
        elif options.verb == "sample":
            for row in rows[: options.rows]:
                print(json.dumps({key: row[key] for key in _KEYS}))
        else:
            print(f"{len(rows)} rows")
    except (OSError, ValueError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def read_rows(data: Path) -> list[Row]:
    """Return the rows of ``*.jsonl`` files, each with a text ``prompt`` and a text ``completion``.

    Raises:
        ValueError: there are none, or one is something else.
    """
    rows = []
    for file in sorted(data.rglob("*.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                row = read_json(line, _MOST_ROW)
            except Unreadable as error:
                raise ValueError(f"{file.name}, line {number} {error}") from None
            if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in _KEYS):
                raise ValueError(f"{file.name}, line {number}: no prompt and completion")
            rows.append(row)
    if not rows:
        raise ValueError("the data set holds no rows in *.jsonl files")
    return rows


def report(results: Path, step: int, steps: int, loss: float) -> None:
    """Tell that ``step`` of ``steps`` is done: on stdout, and for the status of the Workspace."""
    event = {"event": "step", "step": step, "steps": steps, "loss": loss}
    with (results / "progress.jsonl").open("a", encoding="utf-8") as progress:
        progress.write(json.dumps(event) + "\n")
    print(f"step {step}/{steps}, loss {loss:.4f}", flush=True)


def write_adapter(results: Path, matrices: Mapping[str, Matrix], config: Mapping[str, Any]) -> None:
    """Write an adapter in peft's layout, in float32.

    Args:
        results: the directory.
        matrices: shape and numbers, row by row, by name: ``layers.0.self_attn.q_proj.lora_A``.
        config: the keys of ``adapter_config.json``: ``r``, ``lora_alpha``, ``target_modules`` and others of LoRA.

    Raises:
        ValueError: a matrix has other numbers than its shape; nothing was written.
    """
    tensors: dict[str, Tensor] = {}
    for name, (shape, numbers) in matrices.items():
        part = array("f", numbers)
        if len(part) != math.prod(shape):
            raise ValueError(f"{name} has {len(part)} numbers, and its shape {list(shape)} another count")
        if sys.byteorder == "big":
            part.byteswap()
        tensors[f"base_model.model.model.{name}.weight"] = ("F32", tuple(shape), part.tobytes())
    about = {"peft_type": "LORA", "task_type": "CAUSAL_LM", **config}
    (results / "adapter_config.json").write_text(json.dumps(about), encoding="utf-8")
    (results / "adapter_model.safetensors").write_bytes(safetensors(tensors))


def safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the content of a safetensors file (https://github.com/huggingface/safetensors#format)."""
    header: dict[str, object] = {}
    end = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())
