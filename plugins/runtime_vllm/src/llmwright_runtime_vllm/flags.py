"""The engine's command line, with KAITO's flags and values (v0.12, ``pkg/model/interface.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.config import FiledConfig, VllmConfig
from llmwright_runtime_vllm.model_facts import keeps_cache_on_gpu

Flags = dict[str, Any]
"""Flag to value; None for a flag without one."""

UTILIZATION = 0.84
UTILIZATION_A10 = 0.82
SMALL_GPU = "NVIDIA A10"
TEMPLATES = "/workspace/chat_templates"


def flags(preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: VllmConfig) -> Flags:
    """Everything but where the weights come from."""
    found: Flags = {
        "served-model-name": preset.name,
        "max-model-len": "auto" if isinstance(config, FiledConfig) else config.max_model_len or "auto",
        "gpu-memory-utilization": config.gpu_memory_utilization or _utilization(fit),
        "kv-events-config": '{"enable_kv_cache_events":true}',
        "compilation-config.pass_config.fuse_allreduce_rms": False,
        "dtype": _dtype(preset, fit),
        "trust-remote-code": None,
        **_formats(preset),
        **_answers(preset),
        **_parallel(fit),
    }
    if keeps_cache_on_gpu(preset, fit):
        found["kaito-kv-cache-cpu-memory-utilization"] = 0
    return {**found, **_adapters(adapters), **_asked(config)}


def arguments(found: Mapping[str, Any]) -> tuple[str, ...]:
    """``--flag=value`` each; a list's values follow their flag."""
    parts: list[str] = []
    for name, value in found.items():
        if isinstance(value, tuple):
            parts += [f"--{name}", *value]
        else:
            parts.append(f"--{name}" if value is None else f"--{name}={value}")
    return tuple(parts)


def _utilization(fit: Fit) -> float:
    return UTILIZATION_A10 if fit.instance_type.gpu_model == SMALL_GPU else UTILIZATION


def _dtype(preset: Preset, fit: Fit) -> str:
    return "auto" if preset.quantization else fit.dtype


def _formats(preset: Preset) -> Flags:
    """How the files are read, and whatever else the preset says; a flag without value is written as true or empty."""
    own = preset.flags.get("vllm", {})
    found = {"load_format": "auto", "config_format": "auto", "tokenizer_mode": "auto", **own}
    return {name: None if value in (True, "") else value for name, value in found.items()}


def _answers(preset: Preset) -> Flags:
    found: Flags = {}
    if preset.tool_call_parser:
        found |= {"tool-call-parser": preset.tool_call_parser, "enable-auto-tool-choice": None}
    if preset.reasoning_parser:
        found["reasoning-parser"] = preset.reasoning_parser
    if preset.chat_template:
        found["chat-template"] = f"{TEMPLATES}/{preset.chat_template}"
    return found


def _parallel(fit: Fit) -> Flags:
    found: Flags = {"tensor-parallel-size": fit.tensor_parallel}
    if fit.data_parallel > 1:
        found["data-parallel-size"] = fit.data_parallel
    if fit.nodes > 1:
        found |= {"pipeline-parallel-size": fit.pipeline_parallel, "distributed-executor-backend": "ray"}
    return found


def _adapters(adapters: tuple[Adapter, ...]) -> Flags:
    if not adapters:
        return {}
    return {"enable-lora": None, "lora-modules": tuple(f"{adapter.name}={adapter.path}" for adapter in adapters)}


def _asked(config: VllmConfig) -> Flags:
    found: Flags = {}
    if config.performance_mode and config.performance_mode != "balanced":
        found["performance-mode"] = config.performance_mode
    if config.role == "decode":
        found["port"] = "$(port.engine)"
    if config.config_file:
        found["kaito-config-file"] = config.config_file
    return found
