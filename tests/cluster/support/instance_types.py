"""GPU machines as Karpenter's KWOK provider is told of them; sizes as in Azure's tables, prices made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MACHINES = {
    "Standard_D4s_v5": (4, 16, 0, ""),
    "Standard_NC4as_T4_v3": (4, 28, 1, "T4"),
    "Standard_NV36ads_A10_v5": (36, 440, 1, "A10"),
    "Standard_NC24ads_A100_v4": (24, 220, 1, "A100"),
    "Standard_NC48ads_A100_v4": (48, 440, 2, "A100"),
    "Standard_ND96isr_H100_v5": (96, 1900, 8, "H100"),
}
"""Name to cores, memory in GiB, GPUs and their model."""


def write_instance_types(path: Path) -> None:
    """Writes the file that ``--instance-types-file-path`` takes."""
    path.write_text(json.dumps([_machine(name, *about) for name, about in MACHINES.items()]))


def _machine(name: str, cpus: int, memory: int, gpus: int, model: str) -> dict[str, Any]:
    resources = {"cpu": f"{cpus}", "memory": f"{memory}Gi", "ephemeral-storage": "2Ti", "pods": "110"}
    return {
        "name": name,
        "architecture": "amd64",
        "operatingSystems": ["linux"],
        "resources": resources | ({"nvidia.com/gpu": f"{gpus}"} if gpus else {}),
        "offerings": [_offering(name, gpus, model, kind) for kind in ("on-demand", "spot")],
    }


def _offering(name: str, gpus: int, model: str, kind: str) -> dict[str, Any]:
    labels = {
        "karpenter.sh/capacity-type": kind,
        "topology.kubernetes.io/zone": "eastus-1",
        "karpenter.azure.com/sku-name": name,
    }
    if gpus:
        labels |= {"karpenter.azure.com/sku-gpu-name": model, "nvidia.com/gpu.count": f"{gpus}"}
    return {
        "Price": (1 + gpus) * (1.0 if kind == "on-demand" else 0.3),
        "Available": True,
        "Requirements": [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()],
    }
