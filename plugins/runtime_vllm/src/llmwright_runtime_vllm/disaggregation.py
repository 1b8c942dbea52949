"""Disaggregation: prefill and decode on separate servers (KAITO v0.12, llm-d's routing sidecar)."""

from __future__ import annotations

from llmwright.values.launch import Process
from llmwright_runtime_vllm.config import VllmConfig

SIDECAR = "llm-d-routing-sidecar"
IMAGES = {SIDECAR: "ghcr.io/llm-d/llm-d-routing-sidecar:v0.8.0"}
ENGINE_PORT = 5001
SIDE_CHANNEL = "VLLM_NIXL_SIDE_CHANNEL_HOST"


def environment(config: VllmConfig) -> dict[str, str]:
    """Return the variable with the address where the engine's partner reaches it."""
    return {SIDE_CHANNEL: "$(address)"} if config.role else {}


def transfers(config: VllmConfig) -> dict[str, str]:
    """Return the flag by which the two engines hand over their caches (KAITO v0.12's value for both roles)."""
    if config.role is None:
        return {}
    connector = '{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_load_failure_policy":"fail"}'
    return {"kv-transfer-config": connector}


def beside(config: VllmConfig) -> tuple[Process, ...]:
    """Return the sidecar that answers in front of a decoding engine; empty for any other."""
    if config.role != "decode":
        return ()
    argv = ("--port=$(port.http)", "--vllm-port=$(port.engine)", "--secure-proxy=false")
    address = {"POD_IP": "$(address)", SIDE_CHANNEL: "$(address)"}
    return (Process(name=SIDECAR, image=SIDECAR, argv=argv, env=address),)
