"""The flags that follow from preset and machine: KAITO's, with its values (v0.12, ``pkg/model/interface.go``)."""

from __future__ import annotations

from typing import Any

from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.chat_templates import template_file
from llmwright_runtime_vllm.config import EngineConfig, VllmConfig
from llmwright_runtime_vllm.disaggregation import transfers
from llmwright_runtime_vllm.engine_config_file import is_code_flag
from llmwright_runtime_vllm.model_facts import is_this_machine

Flags = dict[str, Any]
"""Flag to value; None for a flag without one."""

SHARE = "gpu-memory-utilization"
UTILIZATION = 0.84
UTILIZATION_A10 = 0.82
SMALL_GPU = "NVIDIA A10"
DRAIN_S = 15
"""Seconds for answers under way after SIGTERM: within the 20 s and 30 s after which one machine and a cluster kill. By
itself the engine breaks them off at once."""
HOT_PLACES = 8
"""Places on a processor for adapters that are loaded while the engine runs."""
SEQUENCES, MOST_CACHE = 64, 4 * 1024**3
"""How many sequences of full length the cache of a processor has room for, and the most bytes beside the first one."""
LORA_RANKS = (16, 32, 64, 128, 256, 320, 512)
"""Values of ``--max-lora-rank`` from its default on (vLLM, ``MaxLoRARanks``). An adapter above it is not loaded."""


def flags(preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: EngineConfig) -> Flags:
    """Return all flags but those for the source of the weights."""
    flags_by_name: Flags = {
        "served-model-name": preset.name,
        "max-model-len": config.max_model_len or _context(fit),
        SHARE: config.gpu_memory_utilization or _utilization(fit),
        **_cache(fit, config),
        **_events(fit),
        "shutdown-timeout": DRAIN_S,
        "compilation-config.pass_config.fuse_allreduce_rms": False,
        "dtype": _dtype(preset, fit),
        **({"trust-remote-code": None} if preset.remote_code else {}),
        **_formats(preset),
        **_answers(preset, fit, adapters),
        **_parallel(fit),
    }
    lora: Flags = {"enable-lora": None} if adapters or config.adapter_directories else {}
    lora |= _rank_of(adapters, config) | (_places(fit, adapters, config) if lora else {})
    return {
        **flags_by_name,
        **lora,
        **_adapters(adapters),
        **_asked(config),
        **transfers(config),
    }


def _context(fit: Fit) -> str | int:
    """Return ``auto``, by which the engine takes what its memory holds; on one machine the context of the plan."""
    return fit.context if is_this_machine(fit) else "auto"


def _events(fit: Fit) -> Flags:
    """Return the flag by which the engine publishes events of its cache (KAITO's); none on one machine.

    There nobody listens, and the engine binds a fixed port on all interfaces for them.
    """
    return {} if is_this_machine(fit) else {"kv-events-config": '{"enable_kv_cache_events":true}'}


def _utilization(fit: Fit) -> float:
    return UTILIZATION_A10 if fit.instance_type.gpu_model == SMALL_GPU else UTILIZATION


def _cache(fit: Fit, config: EngineConfig) -> Flags:
    """Return the flag for the memory of the cache on a processor; none where the user gives a share of the memory.

    By itself the engine takes the share that is for a GPU of all memory of the machine, whoever else uses it, and does
    not start where less is free (vLLM 0.32, ``CPUWorker``). Its variable ``VLLM_CPU_KVCACHE_SPACE`` wins over a flag.
    """
    if fit.gpus or config.gpu_memory_utilization or SHARE in config.user_flags:
        return {}
    first = sum(term.bytes for term in fit.terms if term.name == "KV cache")
    more = min((SEQUENCES - 1) * first, MOST_CACHE, max(0, fit.budget_bytes - fit.needed_bytes))
    return {"kv-cache-memory-bytes": first + more} if first else {}


def _dtype(preset: Preset, fit: Fit) -> str:
    return "auto" if preset.quantization else fit.dtype


def _formats(preset: Preset) -> Flags:
    """Return the flags for the file formats, and the preset's own. In a preset, true or '' stands for no value."""
    # Only ``remote_code`` decides about code of the repository, since the settings judge nothing else.
    written = preset.flags.get("vllm", {}).items()
    # Flags of KAITO's own program, which the engine does not have, may stand in a preset's data.
    own = {name: value for name, value in written if not (is_code_flag(name) or name.startswith("kaito-"))}
    # By itself ("auto") the engine also takes a checkpoint of pickles, which can run code; a preset may name another.
    flags_by_name = {"load_format": "safetensors", "config_format": "auto", "tokenizer_mode": "auto", **own}
    return {name: None if value in (True, "") else value for name, value in flags_by_name.items()}


def _answers(preset: Preset, fit: Fit, adapters: tuple[Adapter, ...]) -> Flags:
    flags_by_name: Flags = {}
    if preset.tool_call_parser:
        flags_by_name |= {"tool-call-parser": preset.tool_call_parser, "enable-auto-tool-choice": None}
    if preset.reasoning_parser:
        flags_by_name["reasoning-parser"] = preset.reasoning_parser
    if preset.chat_template and _keeps_template(adapters) and not is_this_machine(fit):
        flags_by_name["chat-template"] = template_file(preset.chat_template)
    return flags_by_name


def _parallel(fit: Fit) -> Flags:
    flags_by_name: Flags = {"tensor-parallel-size": fit.tensor_parallel}
    if fit.data_parallel > 1:
        flags_by_name["data-parallel-size"] = fit.data_parallel
    if fit.pipeline_parallel > 1:
        flags_by_name["pipeline-parallel-size"] = fit.pipeline_parallel
    return flags_by_name


def _adapters(adapters: tuple[Adapter, ...]) -> Flags:
    if not adapters:
        return {}
    modules = tuple(f"{adapter.name}={adapter.path}" for adapter in adapters)
    return {
        "lora-modules": modules,
        **_template_of(adapters),
        **_ends_of(adapters),
    }


def _places(fit: Fit, adapters: tuple[Adapter, ...], config: VllmConfig) -> Flags:
    """Return the flag for the adapters of one batch: on a processor more places than there are adapters.

    There the engine computes what the base is asked, in a batch with adapters, by the weights of the last place (vLLM
    0.32, https://github.com/vllm-project/vllm/pull/48421), also when its adapter has left. So the last one stays empty.
    """
    hot = HOT_PLACES if config.adapter_directories else 0
    return {} if fit.gpus else {"max-loras": len(adapters) + hot + 1}


def _rank_of(adapters: tuple[Adapter, ...], config: VllmConfig) -> Flags:
    """Return the flag for the greatest rank: as the option says, else where the engine's default is too small."""
    needed = max([config.max_lora_rank or 0, *(adapter.rank or 0 for adapter in adapters)])
    smallest = next((rank for rank in LORA_RANKS if rank >= needed), needed)
    return {"max-lora-rank": smallest} if config.max_lora_rank or smallest > LORA_RANKS[0] else {}


def _template_of(adapters: tuple[Adapter, ...]) -> Flags:
    """Return the flag for the template that an only adapter was tuned with.

    The engine has one for all names and reads none beside an adapter (vLLM, ``OpenAIServingChat``). It is the
    adapter's: who tunes a model asks for the result.
    """
    own = [adapter.chat_template for adapter in adapters if adapter.chat_template]
    return {"chat-template": own[0]} if own and len(adapters) == 1 else {}


def _ends_of(adapters: tuple[Adapter, ...]) -> Flags:
    """Return the flag for the directory that has all end tokens of an only adapter.

    The engine stops at the ids in ``eos_token_id`` of that file, and reads none beside an adapter by itself (vLLM
    0.32, ``SamplingParams.update_from_generation_config``). ``--override-generation-config`` changes sampling alone.
    """
    own = [adapter.generation_config for adapter in adapters if adapter.generation_config]
    return {"generation-config": own[0]} if own and len(adapters) == 1 else {}


def _keeps_template(adapters: tuple[Adapter, ...]) -> bool:
    """Whether a preset's template is served, and not that of the tokenizer, with which the only adapter was tuned."""
    return not (len(adapters) == 1 and adapters[0].tokenizer_template)


def _asked(config: VllmConfig) -> Flags:
    flags_by_name: Flags = {}
    if config.performance_mode and config.performance_mode != "balanced":
        flags_by_name["performance-mode"] = config.performance_mode
    return flags_by_name
