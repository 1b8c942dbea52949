"""Adapters that a test can serve: peft's two files, made without peft."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from llmwright.plugins.adapter_files import safetensors
from llmwright.values.preset import Architecture

RANK = 4
MODULES = ("q_proj", "v_proj")
VALUE = 0.01
"""Each weight of the second matrix: enough to be no adapter without effect, too little to break a model."""

OLD = "an-earlier-run"
"""A word in what an earlier run left."""


def write_adapter(folder: Path, sizes: Architecture, value: float = VALUE, **changes: object) -> Path:
    """Write a LoRA adapter for a Llama-like model of ``sizes`` into ``folder``; return it.

    ``changes`` are other values of its configuration.
    """
    folder.mkdir(parents=True)
    about = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": RANK, "lora_dropout": 0.0,
        "target_modules": list(MODULES), "bias": "none", "base_model_name_or_path": "", "inference_mode": True,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps({**about, **changes}))
    outputs = {"q_proj": sizes.attention_heads * sizes.head_dim, "v_proj": sizes.kv_heads * sizes.head_dim}
    tensors = {}
    for layer in range(sizes.layers):
        for module in MODULES:
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            tensors[f"{name}.lora_A.weight"] = _matrix(RANK, sizes.hidden_size, 0.01)
            tensors[f"{name}.lora_B.weight"] = _matrix(outputs[module], RANK, value)
    (folder / "adapter_model.safetensors").write_bytes(safetensors(tensors))
    return folder


def write_old_adapter(folder: Path, sizes: Architecture) -> None:
    """Write what a finished run for another purpose left into ``folder``."""
    write_adapter(folder, sizes, 0.125, base_model_name_or_path=OLD, lora_alpha=99)
    event = {"event": "step", "step": 1, "steps": 1, "loss": 1.0, OLD: True}
    (folder / "progress.jsonl").write_text(json.dumps(event) + "\n")


def _matrix(rows: int, columns: int, value: float) -> tuple[str, tuple[int, ...], bytes]:
    return "F32", (rows, columns), struct.pack("<f", value) * (rows * columns)
