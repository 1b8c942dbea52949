"""The control half: what to run to serve a preset with vLLM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.plugins.drivers import Capabilities, Context, Runtime
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, Launch, Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_vllm import disaggregation, engine_probes, model_facts, multi_node, plugin_files
from llmwright_runtime_vllm.command_line import command_line
from llmwright_runtime_vllm.config import EngineConfig, VllmConfig
from llmwright_runtime_vllm.engine_config_file import (
    CONFIG_FILE,
    SECTION,
    code_fields,
    context_of,
    served_names,
    user_flags,
)
from llmwright_runtime_vllm.engine_flags import FlagList, flags_of
from llmwright_runtime_vllm.engine_weights import ROLE, LaunchPart, weights
from llmwright_runtime_vllm.fetch_step import fetch_steps
from llmwright_runtime_vllm.flags import Flags, flags
from llmwright_runtime_vllm.settings import VllmSettings

SHARED = Mount(volume="dshm", path="/dev/shm")  # noqa: S108 - the mount that a pod has there
IMAGE = "vllm/vllm-openai"
"""vLLM's own image on Docker Hub; its tags are ``v`` and the release."""


class VllmRuntime(Runtime):
    """``vllm serve``, the engine's own server, with KAITO's flags. What stands before it ends before it starts."""

    targets = frozenset({"kubernetes", "local"})
    default_rank = {"kubernetes": 100}
    built_for = (8, 0)
    lowest_capability = (8, 0)  # its images since July 2026 have no kernels for older GPUs
    image_roles = frozenset({ROLE, disaggregation.SIDECAR, "workload"})
    listed_as = "vllm"
    feature_gate = "vLLM"
    kaito_rules = frozenset({"streamed-weights"})
    config_model = VllmConfig
    settings_model = VllmSettings
    capabilities = Capabilities(
        adapters=True,
        hot_adapters=True,
        multi_node=True,
        batching=True,
        streaming=True,
        api_key=True,
        cpu_locally=True,
        completions=True,
        chat_endpoint=True,
        choices=True,
        logprobs=True,
        response_format=True,
        metrics=True,
    )
    annotations = {
        "kaito.sh/performance-mode": "performanceMode",
        "kaito.sh/use-local-weights": "localWeights",
        "kaito.sh/inference-role": "role",
    }
    load_metrics = ("vllm:num_requests_running", "vllm:num_requests_waiting")  # vLLM's docs, usage/metrics
    keyed_options = frozenset({"adapterDirectories"})  # who loads adapters names files for the engine to read
    config_section = SECTION
    config_template = "inference-params-template"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings = VllmSettings.model_validate(dict(context.settings))
        # Read now: the methods are pure, and open no file.
        self._known: FlagList = flags_of(self._settings.version)
        self._image = f"{IMAGE}:v{self._settings.version}"
        self._copying = plugin_files.copying(ROLE)

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> EngineConfig:
        """``runtimeConfig``, and the flags of the config's file, which win.

        Raises:
            InvalidWorkspace: problems with paths relative to ``options``, or starting with the file's name.
        """
        config: VllmConfig = super().configure(options, files)
        given = user_flags(files[CONFIG_FILE], self._known) if CONFIG_FILE in files else {}
        length = context_of(given) or config.max_model_len
        return EngineConfig(**{**dict(config), "max_model_len": length, "user_flags": given})

    @classmethod
    def asks_remote_code(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003 - no option asks for it
        files: Mapping[str, str],
    ) -> Iterable[str]:
        """The engine's own flag for it in the config's file."""
        return code_fields(files)

    def images(self) -> Mapping[str, str]:
        """vLLM's image, the router's of a split engine, and ours for the weights that an engine does not fetch."""
        return {ROLE: self._image, "workload": "", **disaggregation.IMAGES}

    def program(self) -> str:
        """The engine's own, as the settings name it."""
        return self._settings.program

    def served_names(self, preset: Preset, adapters: tuple[Adapter, ...], config: EngineConfig) -> tuple[str, ...]:
        """The names of the config's flags ``served-model-name`` and ``lora-modules``, where it has them."""
        return served_names(super().served_names(preset, adapters, config), config.user_flags)

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """In a pod the engine needs a GPU; several machines need a model that may be spread."""
        if fit.gpus == 0 and not model_facts.is_this_machine(fit):
            return f"vllm needs a GPU, and {fit.instance_type.name} has none"
        apart = multi_node.refusal(preset, fit)
        if apart is None and fit.pipeline_parallel > fit.nodes and not preset.distributable:
            return f"the heads of {preset.name} do not divide over {fit.gpus} GPUs, and it is no model for a pipeline"
        return apart

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: EngineConfig) -> Launch:
        """Return one engine that listens on port 5000, on one machine or over several."""
        part = weights(preset, fit, config)
        decodes = config.role == "decode"
        port = "engine" if decodes else "http"
        checks = engine_probes.of_several(preset) if fit.nodes > 1 else engine_probes.of_one(preset, port)
        address: Flags = {"host": "$(host)", "port": f"$(port.{port})"}
        computed: Flags = {**address, **_without(flags(preset, fit, adapters, config), part), **part.flags}
        own = config.engine_plugin
        env = {**model_facts.environment(preset, fit), **disaggregation.environment(config)}
        steps = (self._copying, *self._fetching(preset, fit, config, computed)) if own else ()
        main = Process(
            name="serve",
            image=ROLE,
            argv=self._argv(part, computed | multi_node.joined(fit, rank="0"), config),
            env={**env, plugin_files.KEY: API_KEY, **plugin_files.environment(preset, config, env)},
            mounts=(SHARED, *part.mounts, *((replace(plugin_files.MOUNT, read_only=True),) if own else ())),
            startup=checks.startup,
            live=checks.live,
            ready=checks.ready,
            gpus=fit.gpus,
        )
        return Launch(
            main=main,
            prepare=(*part.prepare, *steps),
            beside=disaggregation.beside(config),
            volumes=(Volume(name="dshm", kind="memory"), *part.volumes, *((plugin_files.VOLUME,) if own else ())),
            ports={"http": 5000, "kv-events": 5557, **({"engine": disaggregation.ENGINE_PORT} if decodes else {})},
            ranks=multi_node.ranks(fit, self._argv(part, computed | multi_node.joined(fit, rank="$(rank)"), config)),
            images={**disaggregation.IMAGES, ROLE: self._image},
        )

    def _fetching(self, preset: Preset, fit: Fit, config: EngineConfig, computed: Flags) -> tuple[Process, ...]:
        module, packages = plugin_files.FETCH_MODULE, plugin_files.MOUNT
        return fetch_steps(preset, fit, config, computed, image=ROLE, module=module, packages=packages)

    def _argv(self, part: LaunchPart, computed: Flags, config: EngineConfig) -> tuple[str, ...]:
        return command_line(self._settings.program, part.model, computed, config.user_flags, self._known)


def _without(computed: Flags, part: LaunchPart) -> Flags:
    return {name: value for name, value in computed.items() if name not in part.replaces}
