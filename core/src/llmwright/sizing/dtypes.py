"""The width of numbers in bytes, and the dtype in which a machine computes."""

from __future__ import annotations

from llmwright.values.instance_type import InstanceType

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}
BFLOAT16_CAPABILITY = (8, 0)
FORMAT_CAPABILITIES = {"fp8": (8, 9), "mxfp4": (10, 0), "nvfp4": (10, 0)}
"""The lowest compute capability with units for a number format (CUDA C++ programming guide, tensor core formats)."""


def width(dtype: str) -> int:
    """Return the bytes of one number of ``dtype``; 2 for an unknown dtype, because nearly all checkpoints use 2."""
    return WIDTHS.get(dtype, 2)


def compute_dtype(machine: InstanceType, preferred: str = "bfloat16") -> str:
    """Return the dtype in which a model runs on ``machine``.

    float32 without a GPU: most processors emulate the half-precision types. float16 on an NVIDIA GPU below compute
    capability 8.0, which has no bfloat16 (CUDA C++ programming guide, table of arithmetic throughput).
    """
    if machine.gpus == 0:
        return "float32"
    capability = machine.compute_capability
    if preferred == "bfloat16" and capability is not None and capability < BFLOAT16_CAPABILITY:
        return "float16"
    return preferred


def is_native(machine: InstanceType, quantization: str | None) -> bool:
    """Return whether the GPUs of ``machine`` compute in the number format of a checkpoint.

    Where they do not, an engine unpacks the weights to 16 bit for each multiplication. True for formats that are
    unpacked on every GPU (int4, awq, gptq), and where the capability is unknown.
    """
    lowest = FORMAT_CAPABILITIES.get(quantization or "")
    return lowest is None or machine.compute_capability is None or machine.compute_capability >= lowest
