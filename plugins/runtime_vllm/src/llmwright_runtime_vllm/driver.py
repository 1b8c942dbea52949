"""The control half: what to run to serve a preset with vLLM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, Launch, Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_vllm import disaggregation, engine_probes, model_facts
from llmwright_runtime_vllm.config import FiledConfig, VllmConfig
from llmwright_runtime_vllm.engine_config_file import CONFIG_FILE, code_flags, context_of
from llmwright_runtime_vllm.engine_weights import ROLE, LaunchPart, toolkit, weights
from llmwright_runtime_vllm.flags import arguments, flags
from llmwright_runtime_vllm.multi_node import ranks

SHARED = Mount(volume="dshm", path="/dev/shm")  # noqa: S108 - the mount that a pod has there
PROGRAM = ("$(python)", "-m", "llmwright_runtime_vllm.serve")


class VllmRuntime(Runtime):
    """``python -m llmwright_runtime_vllm.serve``, which takes KAITO's flags."""

    targets = frozenset({"kubernetes"})
    default_rank = {"kubernetes": 100}
    built_for = (8, 0)
    lowest_capability = (8, 0)  # its images since July 2026 have no kernels for older GPUs
    listed_as = "vllm"
    feature_gate = "vLLM"
    kaito_rules = frozenset({"streamed-weights"})
    config_model = VllmConfig
    capabilities = Capabilities(adapters=True, multi_node=True, batching=True, streaming=True, api_key=True)
    annotations = {
        "kaito.sh/performance-mode": "performanceMode",
        "kaito.sh/use-local-weights": "localWeights",
        "kaito.sh/inference-role": "role",
    }
    config_option = "configFile"
    config_section = "vllm"
    config_template = "inference-params-template"

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> VllmConfig:
        """``runtimeConfig``; a context that the config's file sets wins, as it does in the engine.

        Raises:
            InvalidWorkspace: problems with paths relative to ``options``, or starting with the file's name.
        """
        config: VllmConfig = super().configure(options, files)
        length = context_of(files[CONFIG_FILE]) if CONFIG_FILE in files else None
        if length is None:
            return config
        return FiledConfig(**{**dict(config), "max_model_len": length})

    @classmethod
    def asks_remote_code(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003 - no option asks for it
        files: Mapping[str, str],
    ) -> Iterable[str]:
        """The engine's own flag for it in the config's file."""
        return (f"{CONFIG_FILE}:vllm.{flag}" for flag in code_flags(files.get(CONFIG_FILE, "")))

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """The engine needs a GPU, and a model that may be spread where there are several machines."""
        if fit.gpus == 0:
            return f"vllm needs a GPU, and {fit.instance_type.name} has none"
        if fit.nodes > 1 and not preset.distributable:
            return f"{preset.name} cannot be spread over {fit.nodes} machines"
        if fit.pipeline_parallel > fit.nodes and not preset.distributable:
            return f"the heads of {preset.name} do not divide over {fit.gpus} GPUs, and it is no model for a pipeline"
        return None

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: VllmConfig) -> Launch:
        """Return one engine that listens on port 5000, on one machine or over several."""
        parts = (weights(preset, config), toolkit(preset))
        decodes = config.role == "decode"
        checks = (
            engine_probes.of_several(preset)
            if fit.nodes > 1
            else engine_probes.of_one(preset, "engine" if decodes else "http")
        )
        main = Process(
            name="serve",
            image=ROLE,
            argv=_argv(preset, fit, adapters, config, parts),
            env={**_env(preset, config, parts), "VLLM_API_KEY": API_KEY},
            mounts=(SHARED, *(mount for part in parts for mount in part.mounts)),
            startup=checks.startup,
            live=checks.live,
            ready=checks.ready,
            gpus=fit.gpus,
        )
        return Launch(
            main=main,
            prepare=tuple(process for part in parts for process in part.prepare),
            beside=disaggregation.beside(config),
            volumes=(Volume(name="dshm", kind="memory"), *(volume for part in parts for volume in part.volumes)),
            ports={"http": 5000, "kv-events": 5557, **({"engine": disaggregation.ENGINE_PORT} if decodes else {})},
            ranks=ranks(fit),
            images=disaggregation.IMAGES,
        )


def _argv(
    preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: VllmConfig, parts: tuple[LaunchPart, ...]
) -> tuple[str, ...]:
    dropped = frozenset().union(*(part.replaces for part in parts))
    values = {name: value for name, value in flags(preset, fit, adapters, config).items() if name not in dropped}
    for part in parts:
        values |= part.flags
    return (*PROGRAM, *arguments(values))


def _env(preset: Preset, config: VllmConfig, parts: tuple[LaunchPart, ...]) -> dict[str, str]:
    variables = {**model_facts.environment(preset), **disaggregation.environment(config)}
    for part in parts:
        variables |= part.env
    return variables
