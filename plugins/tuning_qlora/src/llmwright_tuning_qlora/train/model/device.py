"""The device of this process: its memory, and the number format that it computes in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

NumberFormat = Literal["float32", "bfloat16", "float16"]
FIRST_BF16 = (8, 0)
"""The first compute capability (Ampere) with bfloat16 in hardware; CUDA C++ Programming Guide, table of features."""


@dataclass(frozen=True, slots=True)
class Device:
    """``name`` is torch's (``cpu``, ``cuda:0``), ``free`` memory in bytes, ``capability`` None for a CPU."""

    name: str
    free: int
    capability: tuple[int, int] | None = None

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.capability is not None


def this_device() -> Device:
    """Return the GPU of this rank, else the CPU."""
    import psutil
    import torch

    if not torch.cuda.is_available():
        return Device("cpu", psutil.virtual_memory().available)
    index = int(os.environ.get("LOCAL_RANK", "0"))
    free, _ = torch.cuda.mem_get_info(index)
    return Device(f"cuda:{index}", free, torch.cuda.get_device_capability(index))


def compute_dtype(device: Device, configured: str) -> NumberFormat:
    """Return the number format of computations: ``configured`` if the device is fast at it.

    A CPU computes in float32, because few CPUs are faster at bfloat16. A GPU computes in bfloat16 since Ampere and in
    float16 before, or in float32 if that is configured.
    """
    if not device.is_gpu or device.capability is None:
        return "float32"
    if configured == "float32":
        return "float32"
    half: NumberFormat = "bfloat16" if device.capability >= FIRST_BF16 else "float16"
    return "float16" if configured == "float16" else half
