"""Facts about a model and its machine that decide flags (KAITO v0.12, ``pkg/model`` and its catalogue)."""

from __future__ import annotations

from llmwright.values.fit import Fit
from llmwright.values.preset import Preset

DEEP_GEMM = "VLLM_USE_DEEP_GEMM"


def hub_name(preset: Preset) -> str:
    """Return ``org/name`` on the hub; for a model from elsewhere the rest of its URI."""
    return preset.source.partition("://")[2].lstrip("/")


def is_this_machine(fit: Fit) -> bool:
    """Whether the engine runs on one machine without a cluster: outside of its image, and reached by loopback."""
    return fit.instance_type.cloud == "local"


def environment(preset: Preset, fit: Fit) -> dict[str, str]:
    """Return the engine's environment switches, which a preset may override, and on each of several its address."""
    met = {"VLLM_HOST_IP": "$(address)"} if fit.nodes > 1 else {}
    return {"VLLM_USE_FLASHINFER_SAMPLER": "0", DEEP_GEMM: "0", **met, **preset.flags.get("vllm.env", {})}
