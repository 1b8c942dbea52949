"""The Launch of copies that run vLLM, by Ray Serve LLM: its flags are those of the ``vllm`` runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, Launch, Mount, Process, Ranks, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_hf.reasoning_parsers import NONE
from llmwright_runtime_ray.command_line import END, ENVIRONMENT, LIVE, STATE, llm_scaling_flags
from llmwright_runtime_ray.ray_config import ConfiguredRay, RayConfig
from llmwright_runtime_vllm import engine_probes, model_facts
from llmwright_runtime_vllm.chat_templates import FOLDER
from llmwright_runtime_vllm.command_line import command_line
from llmwright_runtime_vllm.config import EngineConfig
from llmwright_runtime_vllm.engine_config_file import CONFIG_FILE, SECTION
from llmwright_runtime_vllm.engine_flags import FlagList
from llmwright_runtime_vllm.engine_weights import LaunchPart, weights
from llmwright_runtime_vllm.fetch_step import fetch_steps
from llmwright_runtime_vllm.flags import Flags, flags
from llmwright_runtime_vllm.model_facts import is_this_machine

ROLE = "ray-llm"
IMAGE = "rayproject/ray-llm:2.60.0-py312-cu130"
"""Ray's own image with Ray Serve LLM and the vLLM that it pins (Docker Hub, ``rayproject/ray-llm``; Ray's tags are
release, Python and CUDA). Nothing of ours is in it."""
PACKAGES = Mount(volume="packages", path="/opt/llmwright/packages")
"""Where our own packages lie in the pods of that image, laid there by the image of the role ``workload``."""
FETCH_MODULE = "llmwright_runtime_vllm.engine_plugin.fetch_model"
"""The module that brings a model of the hub before the engine starts, as it lies there."""
GCS_PORT = 6379
"""Where the machines of a cluster meet: Ray's own, and KubeRay's to open."""
SHARED = Mount(volume="dshm", path="/dev/shm")  # noqa: S108 - the mount that a pod has there

LLM_ENVIRONMENT = {**ENVIRONMENT, "RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0"}
"""Prompts are nobody's to read in a log."""

MOST_CHOICES = "VLLM_MAX_N_SEQUENCES"
"""vLLM's variable for the most answers to one request."""

LEFT_TO_RAY = frozenset({"served-model-name", "shutdown-timeout", "kv-events-config", "data-parallel-size"})
"""Computed flags whose work Ray Serve does: the name, the end of a replica, and copies beside each other. Events of the
cache are for KAITO's gateway, which asks pods and not replicas."""

_BY_PLAN, _BY_PROXY = "the plan decides it", "Ray Serve's proxy answers, and not the engine's own server"
REFUSED: Mapping[str, str] = {
    "served-model-name": "Ray Serve LLM serves the model under the name of the preset",
    "lora-modules": "inference.adapters names them",
    "distributed-executor-backend": "Ray Serve LLM sets it",
    "disable-log-stats": "the metrics come from there",
    **dict.fromkeys(("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"), _BY_PLAN),
    **dict.fromkeys(("api-server-count", "grpc", "grpc-port", "middleware", "uvicorn-log-level"), _BY_PROXY),
    **dict.fromkeys(("allow-credentials", "allowed-headers", "allowed-methods", "allowed-origins"), _BY_PROXY),
    **dict.fromkeys(("disable-uvicorn-access-log", "disable-access-log-for-endpoints"), _BY_PROXY),
    **dict.fromkeys(("disable-fastapi-docs", "enable-offline-docs", "enable-request-id-headers"), _BY_PROXY),
    **dict.fromkeys(("h11-max-header-count", "h11-max-incomplete-event-size", "sse-keep-alive-interval"), _BY_PROXY),
    **dict.fromkeys(("enable-server-load-tracking", "enable-tokenizer-info-endpoint"), _BY_PROXY),
    **dict.fromkeys(("enable-ssl-refresh", "ssl-ca-certs", "ssl-cert-reqs", "ssl-ciphers"), _BY_PROXY),
}
"""Flags of ``vllm serve`` that do nothing beneath Ray Serve, or the wrong thing, and why."""


OF_ADAPTERS = ("max-loras", "max-cpu-loras")
"""Flags for how many adapters the engine computes with at one time, and how many it keeps in memory."""


def refuse_flags(written: Mapping[str, Any], config: RayConfig) -> None:
    """Raise InvalidWorkspace for flags of a config that Ray Serve LLM does not carry out, each with its place."""
    counted = dict.fromkeys(OF_ADAPTERS, "maxNumAdaptersPerReplica decides it")
    by_option = counted if config.max_num_adapters_per_replica else {}
    wrong = [(name, why) for name in written for why in [by_option.get(name) or _refusal(name)] if why]
    if wrong:
        hint = "leave the line out, or write runtime: vllm"
        path = f"{CONFIG_FILE}:{SECTION}"
        problems = [Problem(f"{path}.{name}", f"cannot be set here: {why}", hint) for name, why in wrong]
        raise InvalidWorkspace([replace(problem, reason="DecidedByPlan") for problem in problems])


def _refusal(name: str) -> str | None:
    return _BY_PLAN if name.startswith("data-parallel-") else REFUSED.get(name)


def launch(
    preset: Preset,
    fit: Fit,
    adapters: tuple[Adapter, ...],
    config: ConfiguredRay,
    known: FlagList,
    program: tuple[str, ...],
) -> Launch:
    """Return one Ray Serve on port 5000, whose replicas are vLLM's; ``program`` starts it.

    A replica takes all GPUs of its tensor and pipeline parallelism, over ``fit.nodes`` machines. Where the GPUs of one
    machine hold several, they are replicas beside each other.
    """
    engine = _engine_config(config)
    part = weights(preset, fit, engine)
    own = _own_flags(preset, fit, adapters, config, part.model)
    argv = (*program, *own, END, *_engine_flags(preset, fit, adapters, config, part, known))
    probes = engine_probes.of_one(preset, "http")
    here = is_this_machine(fit)
    main = Process(
        name="serve",
        image=ROLE,
        argv=argv,
        env={
            **model_facts.environment(preset, replace(fit, nodes=1)),
            **LLM_ENVIRONMENT,
            **({MOST_CHOICES: str(config.max_n_sequences)} if config.max_n_sequences else {}),
            API_KEY.key: API_KEY,
            **({} if here else {"PYTHONPATH": f"$(volume.{PACKAGES.volume})"}),
        },
        mounts=(SHARED, *part.mounts, STATE, *(() if here else (replace(PACKAGES, read_only=True),))),
        startup=probes.startup,
        live=LIVE,
        ready=probes.ready,
        gpus=fit.gpus,
    )
    scratch = (STATE.volume, *(() if here else (PACKAGES.volume,)))
    return Launch(
        main=main,
        prepare=(*part.prepare, *(() if here else (_packages(),)), *_fetching(preset, fit, config)),
        volumes=(Volume(name="dshm", kind="memory"), *part.volumes, *(Volume(name=name) for name in scratch)),
        ports={"http": 5000},
        ranks=Ranks(count=fit.nodes, leader=(), worker=argv, rendezvous_port=GCS_PORT) if fit.nodes > 1 else None,
        images={ROLE: IMAGE},
    )


def _packages() -> Process:
    argv = ("$(python)", "-m", "llmwright_runtime_ray.packages", "--to", f"$(volume.{PACKAGES.volume})")
    return Process(name="packages", image="workload", argv=argv, mounts=(PACKAGES,))


def _fetching(preset: Preset, fit: Fit, config: ConfiguredRay) -> tuple[Process, ...]:
    engine = _engine_config(config)
    computed = flags(preset, fit, (), engine)
    return fetch_steps(preset, fit, engine, computed, image=ROLE, module=FETCH_MODULE, packages=PACKAGES)


def _own_flags(
    preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: ConfiguredRay, model: str
) -> tuple[str, ...]:
    return (
        *("--engine", "vllm", "--model", model, "--served-model-name", preset.name),
        *(part for adapter in adapters for part in ("--adapter", f"{adapter.name}={adapter.path}")),
        *(("--default-model", adapters[0].name) if len(adapters) == 1 else ()),
        *("--host", "$(host)", "--port", "$(port.http)"),
        *(part for host in config.allowed_hosts for part in ("--allowed-host", host)),
        *(part for origin in config.allowed_origins for part in ("--allowed-origin", origin)),
        *(() if config.page else ("--no-page",)),
        "--exit-with-parent",
        *llm_scaling_flags(config, fit),
        *("--state", f"$(volume.{STATE.volume})"),
    )


def _engine_flags(
    preset: Preset,
    fit: Fit,
    adapters: tuple[Adapter, ...],
    config: ConfiguredRay,
    part: LaunchPart,
    known: FlagList,
) -> Iterable[str]:
    """Return vLLM's flags: those of its runtime without the ones that Ray Serve stands for; the user's win."""
    computed = {**flags(preset, fit, adapters, _engine_config(config)), **_asked(config)}
    on_demand = _on_demand(adapters, config, computed)
    computed |= on_demand
    modules = {"lora-modules"} if on_demand else set()
    dropped = LEFT_TO_RAY | part.replaces | _missing_files(computed) | modules
    kept = {name: value for name, value in computed.items() if name not in dropped}
    return command_line("vllm", part.model, {**kept, **part.flags}, config.user_flags, known)[3:]


def _on_demand(adapters: tuple[Adapter, ...], config: ConfiguredRay, computed: Flags) -> Flags:
    """Return the flags by which the engine holds some of the adapters: a replica names them to it when asked.

    On a processor it has a place for each, as ``computed``: with all places taken its base would answer as an adapter.
    """
    most = config.max_num_adapters_per_replica
    if most is None or most >= len(adapters):
        return {}
    return dict.fromkeys(OF_ADAPTERS, computed.get("max-loras", most))


def _missing_files(computed: Flags) -> set[str]:
    """Return the flags that name a file of vLLM's own image, which Ray's image does not have."""
    return {name for name, value in computed.items() if str(value).startswith(f"{FOLDER}/")}


def _asked(config: ConfiguredRay) -> Flags:
    asked = {
        "dtype": config.dtype,
        "max-num-seqs": config.max_num_seqs,
        "max-num-batched-tokens": config.max_num_batched_tokens,
        "chat-template": config.chat_template,
        "tool-call-parser": config.tool_call_parser,
        # An empty name switches the engine's own off.
        "reasoning-parser": "" if config.reasoning_parser == NONE else config.reasoning_parser,
    }
    switches = {
        "enable-auto-tool-choice": config.tool_call_parser is not None,
        "enable-prefix-caching": config.enable_prefix_caching is True,
        "no-enable-prefix-caching": config.enable_prefix_caching is False,
    }
    values: Flags = {name: value for name, value in asked.items() if value is not None}
    return {**values, **{name: None for name, is_on in switches.items() if is_on}}


def _engine_config(config: ConfiguredRay) -> EngineConfig:
    return EngineConfig(
        max_model_len=config.max_model_len,
        gpu_memory_utilization=config.gpu_memory_utilization,
        performance_mode=config.performance_mode,
        max_lora_rank=config.max_lora_rank,
        user_flags=config.user_flags,
    )
