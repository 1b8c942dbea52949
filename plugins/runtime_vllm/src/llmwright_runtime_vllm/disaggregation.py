"""Prefill and decode served apart: what either gains (KAITO v0.12, llm-d's routing sidecar)."""

from __future__ import annotations

from llmwright.values.launch import Process
from llmwright_runtime_vllm.config import VllmConfig

SIDECAR = "llm-d-routing-sidecar"
IMAGES = {SIDECAR: "ghcr.io/llm-d/llm-d-routing-sidecar:v0.8.0"}
ENGINE_PORT = 5001


def environment(config: VllmConfig) -> dict[str, str]:
    """What tells the engine its part, and where its partner reaches it."""
    if config.role is None:
        return {}
    return {"KAITO_INFERENCE_ROLE": config.role, "VLLM_NIXL_SIDE_CHANNEL_HOST": "$(address)"}


def beside(config: VllmConfig) -> tuple[Process, ...]:
    """The sidecar that answers in the engine's place where this one decodes."""
    if config.role != "decode":
        return ()
    argv = ("--port=$(port.http)", "--vllm-port=$(port.engine)", "--secure-proxy=false")
    return (Process(name=SIDECAR, image=SIDECAR, argv=argv),)
