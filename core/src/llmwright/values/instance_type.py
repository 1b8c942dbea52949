"""A kind of machine, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one machine. ``as_of`` is None where the source gives no date. An unknown price is never 0."""

    usd_per_hour: float
    spot_usd_per_hour: float | None = None
    region: str = ""
    as_of: date | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One SKU, or this machine (``cloud='local'``).

    ``gpu_memory_bytes`` is of one GPU; ``memory_bytes`` is the host's (0 where unknown). ``compute_capability`` is
    NVIDIA's (8, 0), None for no GPU, another vendor, or unknown. ``gpu_gigabytes_per_s`` is the bandwidth of one GPU's
    memory (10^9 B/s) and ``gpu_teraflops`` its dense FP16 tensor performance (10^12 FLOP/s), both 0 where unknown;
    ``nvlink`` says that all GPUs of the machine are connected by it. ``successor`` is set where ``retired``.
    """

    name: str
    cloud: str
    gpus: int = 0
    gpu_model: str = ""
    gpu_memory_bytes: int = 0
    compute_capability: tuple[int, int] | None = None
    gpu_gigabytes_per_s: float = 0.0
    gpu_teraflops: float = 0.0
    nvlink: bool = False
    cpus: int = 0
    memory_bytes: int = 0
    nvme: bool = False
    price: Price | None = None
    retired: bool = False
    successor: str | None = None
    fact_source: str = ""

    @property
    def is_a_node(self) -> bool:
        """Whether it is known only by the labels of nodes that are there."""
        return self.cloud == "node"

    @property
    def retirement(self) -> str:
        """The sentence about a machine that is ``retired``."""
        return f"{self.name} is retired and may not be had any more"
