"""Names that are known to exist, and what to install for them. Data only; a name that is not here may exist too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("provisioner", "aks"): "llmwright-provisioner-aks",
        ("provisioner", "byo"): "llmwright",
        ("provisioner", "karpenter"): "llmwright-provisioner-karpenter",
        ("provisioner", "local"): "llmwright",
        ("runtime", "hf"): "llmwright-runtime-hf[serve]",
        ("runtime", "ray"): "llmwright-runtime-ray[serve]",
        ("runtime", "transformers"): "llmwright-runtime-hf[serve]",
        ("runtime", "vllm"): "llmwright-runtime-vllm[serve]",
        ("tuner", "lora"): "llmwright-tuning-qlora[train]",
        ("tuner", "qlora"): "llmwright-tuning-qlora[train]",
    }
)
"""``(kind, name)`` to what pip is told to install."""

WORKLOAD_EXTRAS: Mapping[str, str] = MappingProxyType({"runtime": "serve", "tuner": "train"})
"""The extra that holds a driver's workload half, by kind."""
