"""The control half: what to run to serve a preset with Ray Serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plugins.drivers import AccessRule, Context, Demand, Names, Runtime
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, Process, Volume
from llmwright.values.nodes import Outcome, Watch
from llmwright.values.plan import Choice
from llmwright.values.preset import Preset
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_hf.hf_config import HfConfig
from llmwright_runtime_ray import engine_choice, llm_launch, ray_status, rayservice
from llmwright_runtime_ray.command_line import ENVIRONMENT, LIVE, MODULE, STATE, scaling_flags
from llmwright_runtime_ray.ray_config import ConfiguredRay, RayConfig, written_elsewhere
from llmwright_runtime_ray.ray_settings import RaySettings
from llmwright_runtime_vllm import multi_node
from llmwright_runtime_vllm.engine_config_file import CONFIG_FILE, SECTION, code_fields, context_of, user_flags
from llmwright_runtime_vllm.engine_flags import FlagList, flags_of

ROLE = "ray"


class RayRuntime(Runtime):
    """Replicas behind Ray Serve's own proxy: of the engine ``hf``, or of vLLM by Ray Serve LLM."""

    targets = frozenset({"kubernetes", "local"})
    built_for = HfRuntime.built_for
    config_model = RayConfig
    settings_model = RaySettings
    image_roles = frozenset({ROLE, llm_launch.ROLE, "workload"})
    serves_as = ray_status.SERVICES
    image_user = (1000, 100)  # Ray's images: the user ray, in whose home, closed to others, all programs lie
    access_rules = (
        AccessRule("ray.io", ("rayservices",), ("get", "list", "watch", "create", "patch", "delete")),
        AccessRule("ray.io", ("rayclusters",), ("get", "list", "watch", "patch")),
    )
    capabilities = engine_choice.ENGINES[engine_choice.HF].capabilities
    engines = engine_choice.ENGINES
    config_section = SECTION

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings = RaySettings.model_validate(dict(context.settings))
        self._engine = HfRuntime(replace(context, settings={}))
        # Read now: the methods are pure, and open no file.
        self._known: FlagList = flags_of(self._settings.vllm)

    @classmethod
    def engine(cls, demand: Demand) -> Choice:
        """Return the engine that the options name, else vLLM where options, preset and GPUs allow it on a cluster."""
        return engine_choice.engine_for_demand(demand)

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> ConfiguredRay:
        """``runtimeConfig``, and vLLM's flags of the config's file.

        Raises:
            InvalidWorkspace: problems with paths relative to ``options``, or starting with the file's name; an option
                about the number of copies is refused with the field that has it.
        """
        elsewhere = [*written_elsewhere(options)]
        if elsewhere:
            raise InvalidWorkspace(elsewhere)
        config: RayConfig = super().configure(options, files)
        if CONFIG_FILE not in files or config.engine == engine_choice.HF:
            return _configured(config)
        written = user_flags(files[CONFIG_FILE], self._known)
        llm_launch.refuse_flags(written, config)
        length = context_of(written) or config.max_model_len
        return _configured(config, max_model_len=length, user_flags=written)

    @classmethod
    def asks_remote_code(
        cls,
        options: Mapping[str, Any],  # noqa: ARG003 - no option asks for it
        files: Mapping[str, str],
    ) -> Iterable[str]:
        """vLLM's own flag for it in the config's file."""
        return code_fields(files)

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """A replica of ``hf`` serves from one machine; vLLM spreads a model that may be spread."""
        if fit.nodes > 1 and not engine_choice.spreads(preset, fit):
            return f"a replica serves from one machine, and {preset.name} needs {fit.nodes}"
        return multi_node.refusal(preset, fit)

    def check(self, preset: Preset, config: ConfiguredRay) -> Iterable[Problem]:
        """Those of the engine ``hf``, where it is named."""
        return self._engine.check(preset, config) if config.engine == engine_choice.HF else ()

    def notes(self, preset: Preset, fit: Fit, config: ConfiguredRay) -> tuple[str, ...]:
        """Those of the engine ``hf``, where that is taken."""
        if engine_choice.engine_for_launch(preset, fit, (), config) == engine_choice.VLLM:
            return ()
        return self._engine.notes(preset, fit, config)

    def held_adapters(self, adapters: int, config: ConfiguredRay) -> int:
        """As many as the option allows; all without it."""
        return min(adapters, config.max_num_adapters_per_replica or adapters)

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: ConfiguredRay) -> Launch:
        """Return one Ray Serve on port 5000; the engine's own flags, and those about replicas."""
        if engine_choice.engine_for_launch(preset, fit, adapters, config) == engine_choice.VLLM:
            return llm_launch.launch(preset, fit, adapters, config, self._known, self._program(fit))
        # Requests wait in Ray's proxies, so that limit is no flag of the engine.
        of_engine = HfConfig(**{**config.model_dump(include={*HfConfig.model_fields}), "max_queued_requests": None})
        engine = self._engine.launch(preset, fit, adapters, of_engine)
        flags = (*_after_module(engine.main), *scaling_flags(config, fit), "--state", f"$(volume.{STATE.volume})")
        main = replace(
            engine.main,
            image=ROLE,
            argv=(*self._program(fit), *flags),
            env={**engine.main.env, **ENVIRONMENT},
            mounts=(*engine.main.mounts, STATE),
            live=LIVE,
        )
        return replace(engine, main=main, volumes=(*engine.volumes, Volume(name=STATE.volume)))

    def images(self) -> Mapping[str, str]:
        """Ray's image for the engine ``vllm``, one of ours for ``hf``, and ours for weights and packages."""
        return {ROLE: "", llm_launch.ROLE: llm_launch.IMAGE, "workload": ""}

    def objects(self, launch: Launch, names: Names) -> Iterable[Mapping[str, Any]]:
        """Return the RayService that runs ``launch``."""
        return rayservice.objects(launch, names)

    def watches(self) -> tuple[Watch, ...]:
        """Return the kinds of the RayService, and of the cluster that KubeRay makes for it."""
        return (ray_status.CLUSTERS, ray_status.SERVICES)

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """Return the state of a RayService, or of its cluster, as KubeRay tells it."""
        return ray_status.status(manifest)

    def correction(
        self, server: Mapping[str, Any], manifest: Mapping[str, Any], pods: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any] | None:
        """Return the patch that gives the cluster as many workers as the RayService has, and says which ones go."""
        return rayservice.correction(server, manifest, pods)

    def _program(self, fit: Fit) -> tuple[str, ...]:
        here = fit.instance_type.cloud == "local"
        return (self._settings.program,) if here and self._settings.program else ("$(python)", "-m", MODULE)


def _after_module(process: Process) -> tuple[str, ...]:
    return process.argv[process.argv.index("-m") + 2 :]


def _configured(config: RayConfig, **more: Any) -> ConfiguredRay:
    # Constructed, for the options have been validated.
    return ConfiguredRay.model_construct(**{**dict(config), "user_flags": {}, **more})
