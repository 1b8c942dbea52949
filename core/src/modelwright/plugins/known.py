"""Names that are known to exist, and what to install for them. Data only; a name that is not here may exist too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("provisioner", "aks"): "modelwright-provisioner-aks",
        ("provisioner", "byo"): "modelwright",
        ("provisioner", "karpenter"): "modelwright-provisioner-karpenter",
        ("provisioner", "local"): "modelwright",
        ("runtime", "hf"): "modelwright-runtime-hf[serve]",
        ("runtime", "ray"): "modelwright-runtime-ray[serve]",
        ("runtime", "transformers"): "modelwright-runtime-hf[serve]",
        ("runtime", "vllm"): "modelwright-runtime-vllm[serve]",
        ("tuner", "lora"): "modelwright-tuning-qlora[train]",
        ("tuner", "qlora"): "modelwright-tuning-qlora[train]",
    }
)
"""``(kind, name)`` to what pip is told to install."""

WORKLOAD_EXTRAS: Mapping[str, str] = MappingProxyType({"runtime": "serve", "tuner": "train"})
"""The extra that holds a driver's workload half, by kind."""
