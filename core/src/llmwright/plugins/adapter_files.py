"""The files of a LoRA adapter in peft's layout, written without a model library."""

from __future__ import annotations

import json
import math
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Matrix = tuple[Sequence[int], Iterable[float]]
"""Shape, and the numbers row by row."""

Tensor = tuple[str, tuple[int, ...], bytes]
"""Type as safetensors names it, shape and bytes."""


def write_adapter(results: Path, matrices: Mapping[str, Matrix], config: Mapping[str, Any]) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors``, in float32.

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
