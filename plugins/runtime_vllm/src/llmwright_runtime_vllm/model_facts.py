"""Facts about a model and its machine that decide flags (KAITO v0.12, ``pkg/model`` and its catalogue)."""

from __future__ import annotations

from llmwright.values.fit import Fit
from llmwright.values.preset import Preset

HYBRID_CACHE = (
    "DeepseekV32", "DeepseekV4", "Gemma4", "NemotronH", "NemotronH_Nano", "Qwen3_5",
)  # fmt: skip
"""Architectures, by the start of their names, whose layers keep caches of more than one kind."""

TOOLKIT = "mistral-small-4-119b-2603"
"""The only model without DeepGEMM kernels that also needs CUDA's compiler."""

DEEP_GEMM = "VLLM_USE_DEEP_GEMM"


def hub_name(preset: Preset) -> str:
    """Return ``org/name`` on the hub; for a model from elsewhere the rest of its URI."""
    return preset.source.partition("://")[2].lstrip("/")


def has_hybrid_cache(preset: Preset) -> bool:
    """Whether the KV cache is of several kinds, so that it cannot be moved to host memory."""
    names = preset.architecture.names if preset.architecture else ()
    return any(name.startswith(HYBRID_CACHE) for name in names)


def keeps_cache_on_gpu(preset: Preset, fit: Fit) -> bool:
    """Whether nothing of the KV cache may go to host memory: hybrid, a MIG slice, copies, or several machines."""
    several = fit.nodes > 1 or fit.data_parallel > 1
    return several or fit.instance_type.gpu_model.startswith("MIG ") or has_hybrid_cache(preset)


def environment(preset: Preset) -> dict[str, str]:
    """Return the engine's environment switches; a preset may override them."""
    return {"VLLM_USE_FLASHINFER_SAMPLER": "0", DEEP_GEMM: "0", **preset.flags.get("vllm.env", {})}


def needs_toolkit(preset: Preset) -> bool:
    """Whether the engine compiles kernels while it loads the model."""
    return environment(preset)[DEEP_GEMM] == "1" or hub_name(preset).lower().endswith(f"/{TOOLKIT}")
