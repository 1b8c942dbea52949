"""The control half: what to run to serve a preset with transformers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from llmwright.errors import Problem
from llmwright.plugins.drivers import Capabilities, OlderImage, Runtime
from llmwright.plugins.weights import Weights, weights_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, HttpGet, Launch, Mount, Probe, Process, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_hf.chosen_parsers import parser_problems
from llmwright_runtime_hf.hf_config import HfConfig
from llmwright_runtime_hf.reasoning_parsers import NONE, REASONING_PARSERS
from llmwright_runtime_hf.tool_parsers import TOOL_PARSERS

GIB = 1024**3
LOGINS, LOGINS_PATH = "adapter-logins", "/mnt/docker/adapter-logins"


class HfRuntime(Runtime):
    """One process, ``python -m llmwright_runtime_hf.serve``, for the base and all its adapters."""

    targets = frozenset({"kubernetes", "local"})
    aliases = frozenset({"transformers"})
    default_rank = {"kubernetes": 50, "local": 50}
    built_for = (7, 5)  # the lowest of PyTorch's wheels for CUDA 13 (PyTorch's release matrix)
    # PyTorch's wheels for CUDA 12.6 serve 5.0 to 9.0; there are such up to release 2.14 (pytorch issue 190385).
    older_image = OlderImage("workload-cuda12", (5, 0), "PyTorch for CUDA 12.6")
    image_roles = frozenset({"workload"})
    listed_as = "hf"
    kaito_rules = frozenset({"listed-presets"})
    config_model = HfConfig
    load_metrics = ("llmwright_requests_running", "llmwright_requests_waiting")
    # Who loads adapters names files for the server to read, and images for it to pull.
    keyed_options = frozenset({"adapterDirectories", "adapterRegistries"})
    # It batches, and does not declare it: the ranking of machines would count on a speed on GPUs that nobody measured.
    capabilities = Capabilities(
        adapters=True,
        adapter_strength=True,
        adapter_templates=True,
        hot_adapters=True,
        streaming=True,
        api_key=True,
        cpu=True,
        quantizations=frozenset({"nf4", "int8"}),
        completions=True,
        chat_endpoint=True,
        choices=True,
        logprobs=True,
        response_format=True,
        metrics=True,
    )

    def images(self) -> Mapping[str, str]:
        """Our own image, which downloads weights too."""
        return {"workload": ""}

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """One process serves from one machine."""
        if fit.nodes > 1:
            return f"hf serves from one machine, and {preset.name} needs {fit.nodes}"
        return None

    def check(self, preset: Preset, config: HfConfig) -> Iterable[Problem]:
        """Formats of answers that the server would not read of this model: gpt-oss has its own, and no other has it."""
        return parser_problems(preset, config)

    def notes(self, preset: Preset, fit: Fit, config: HfConfig) -> tuple[str, ...]:
        """The formats of the preset that the server does not read."""
        calls, reasoning = preset.tool_call_parser, preset.reasoning_parser
        unread = [
            (calls, config.tool_call_parser, TOOL_PARSERS, "tool calls", "requests with tools are refused"),
            (reasoning, config.reasoning_parser, REASONING_PARSERS, "reasoning", "it stays in the answer"),
        ]
        return tuple(
            f"hf reads no {what} of the format {parser} ({preset.name}): {so}; inference.runtime: vllm reads them"
            for parser, chosen, known, what, so in unread
            if parser and parser not in known and chosen is None
        )

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: HfConfig) -> Launch:
        """One server on port 5000, upstream's probes."""
        weights = weights_of(preset)
        shared = Mount(volume="dshm", path="/dev/shm")  # noqa: S108 - the mount that a pod has there
        logins = _logins(config)
        main = Process(
            name="serve",
            image="workload",
            argv=_argv(weights, preset, fit, adapters, config),
            # A pod that would load adapters for anybody does not start before the Secret is there.
            env={
                API_KEY.key: replace(API_KEY, optional=not (config.adapter_directories or config.adapter_registries)),
                **({"DOCKER_CONFIG": f"$(volume.{LOGINS})"} if logins else {}),
            },
            mounts=(
                shared,
                *weights.mounts,
                *(Mount(volume=each.name, path=LOGINS_PATH, read_only=True) for each in logins),
            ),
            startup=Probe(check=HttpGet("/health"), failure_threshold=math.ceil(readiness_seconds(preset) / 10)),
            live=Probe(check=HttpGet("/health")),
            ready=Probe(check=HttpGet("/health"), initial_delay_s=30),
            gpus=fit.gpus,
        )
        return Launch(
            main=main,
            prepare=weights.prepare,
            volumes=(Volume(name="dshm", kind="memory"), *weights.volumes, *logins),
            ports={"http": 5000},
        )


def readiness_seconds(preset: Preset) -> float:
    """How long a start may take: 15 minutes and 18 s per GiB of weights, within 30 to 180 minutes (KAITO v0.12)."""
    return min(max(15 * 60 + 18 * preset.weight_bytes / GIB, 30 * 60), 180 * 60)


def _argv(
    weights: Weights, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: HfConfig
) -> tuple[str, ...]:
    quantization = config.quantization or fit.quantization or "none"
    template = ("--chat-template", config.chat_template) if config.chat_template else ()
    numbers = {
        "--threads": config.threads,
        "--max-num-seqs": config.max_num_seqs,
        "--max-queued-requests": config.max_queued_requests,
        "--max-lora-rank": _max_rank(adapters, config),
        "--max-num-batched-tokens": config.max_num_batched_tokens,
        "--prefix-cache-mib": config.prefix_cache_mib,
        "--request-timeout": config.request_timeout,
        "--max-n-sequences": config.max_n_sequences,
    }
    return (
        *("$(python)", "-m", "llmwright_runtime_hf.serve"),
        *weights.arguments,
        *("--served-model-name", preset.name),
        *(part for adapter in adapters for part in ("--adapter", _adapter(adapter))),
        *_default_model(adapters),
        *("--host", "$(host)", "--port", "$(port.http)"),
        *("--dtype", config.dtype or fit.dtype),
        *("--max-model-len", str(config.max_model_len or fit.context)),
        *(("--quantization", quantization) if quantization != "none" else ()),
        *template,
        *_tool_calls(preset, config),
        *_reasoning(preset, config),
        *(part for flag, number in numbers.items() if number for part in (flag, str(number))),
        *(part for directory in config.adapter_directories for part in ("--adapter-directory", directory)),
        *(part for registry in config.adapter_registries for part in ("--adapter-registry", registry)),
        *(("--no-enable-prefix-caching",) if config.enable_prefix_caching is False else ()),
        *(part for host in config.allowed_hosts for part in ("--allowed-host", host)),
        *(part for origin in config.allowed_origins for part in ("--allowed-origin", origin)),
        *(() if config.page else ("--no-page",)),
        "--exit-with-parent",
    )


def _logins(config: HfConfig) -> tuple[Volume, ...]:
    """Return the volume with the logins to registries of adapters, where Secrets hold some."""
    names = tuple(dict.fromkeys(config.adapter_pull_secrets))
    return (Volume(name=LOGINS, kind="secret", source=names),) if names else ()


def _max_rank(adapters: tuple[Adapter, ...], config: HfConfig) -> int | None:
    """Return the greatest rank that the server takes: that of the config, or of an adapter that is named itself."""
    return config.max_lora_rank and max(config.max_lora_rank, *(adapter.rank or 0 for adapter in adapters), 1)


def _tool_calls(preset: Preset, config: HfConfig) -> tuple[str, ...]:
    """Return the flag for the preset's format of tool calls, where the server reads that one."""
    parser = config.tool_call_parser or preset.tool_call_parser
    return ("--tool-call-parser", parser) if parser in TOOL_PARSERS and parser else ()


def _reasoning(preset: Preset, config: HfConfig) -> tuple[str, ...]:
    """Return the flag for the preset's format of reasoning, where the server reads that one."""
    parser = config.reasoning_parser or preset.reasoning_parser
    return ("--reasoning-parser", parser) if parser in (*REASONING_PARSERS, NONE) and parser else ()


def _default_model(adapters: tuple[Adapter, ...]) -> tuple[str, ...]:
    """Requests that name no model mean the one adapter there is: who tunes a model asks ``/chat`` for the result."""
    return ("--default-model", adapters[0].name) if len(adapters) == 1 else ()


def _adapter(adapter: Adapter) -> str:
    strength = f",strength={adapter.strength:g}" if adapter.strength is not None else ""
    return f"{adapter.name}={adapter.path}{strength}"
