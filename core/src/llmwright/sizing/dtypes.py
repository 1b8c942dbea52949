"""How wide numbers are, and which kinds a machine computes in."""

from __future__ import annotations

from llmwright.values.instance_type import InstanceType

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}
BFLOAT16_CAPABILITY = (8, 0)


def width(dtype: str) -> int:
    """Bytes of one number of ``dtype``; 2 for one that is not known, as nearly all checkpoints have."""
    return WIDTHS.get(dtype, 2)


def compute_dtype(machine: InstanceType, preferred: str = "bfloat16") -> str:
    """The dtype a model runs in on ``machine``.

    float32 without a GPU: most processors emulate the half-precision types. float16 on an NVIDIA GPU below compute
    capability 8.0, which has no bfloat16 (CUDA C++ programming guide, table of arithmetic throughput).
    """
    if machine.gpus == 0:
        return "float32"
    capability = machine.compute_capability
    if preferred == "bfloat16" and capability is not None and capability < BFLOAT16_CAPABILITY:
        return "float16"
    return preferred
