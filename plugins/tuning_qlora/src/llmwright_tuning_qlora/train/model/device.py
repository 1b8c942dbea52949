"""What it runs on: device, number format, memory. Decisions apart from asking torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Number = Literal["float32", "bfloat16", "float16"]
FIRST_BF16 = (8, 0)
"""Compute capability (Ampere) from which bfloat16 is in hardware; CUDA C++ Programming Guide, table of features."""


@dataclass(frozen=True, slots=True)
class Device:
    """``name`` as torch writes it (``cpu``, ``cuda:0``); ``free`` in bytes; ``capability`` None for a CPU."""

    name: str
    free: int
    capability: tuple[int, int] | None = None

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.capability is not None


def this_device() -> Device:
    """The GPU of this rank, else the CPU."""
    import psutil
    import torch

    if not torch.cuda.is_available():
        return Device("cpu", psutil.virtual_memory().available)
    index = int(os.environ.get("LOCAL_RANK", "0"))
    free, _ = torch.cuda.mem_get_info(index)
    return Device(f"cuda:{index}", free, torch.cuda.get_device_capability(index))


def compute_dtype(device: Device, wanted: str) -> Number:
    """The number format of computations: what is wanted where the device is fast at it.

    A CPU computes in float32, for few are faster at bfloat16. A GPU computes in bfloat16 from Ampere on and in float16
    before, or in float32 where that is asked for.
    """
    if not device.is_gpu or device.capability is None:
        return "float32"
    if wanted == "float32":
        return "float32"
    half: Number = "bfloat16" if device.capability >= FIRST_BF16 else "float16"
    return "float16" if wanted == "float16" else half
