"""The control half: what to run to serve a preset with Ray Serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.drivers import AccessRule, Context, Names, Runtime
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, Mount, Process, Volume
from llmwright.values.nodes import Outcome, Watch
from llmwright.values.preset import Preset
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_hf.hf_config import HfConfig
from llmwright_runtime_ray import ray_status, rayservice
from llmwright_runtime_ray.command_line import ENVIRONMENT, MODULE, scaling_flags
from llmwright_runtime_ray.ray_config import RayConfig, written_elsewhere
from llmwright_runtime_ray.ray_settings import RaySettings

ROLE = "ray"
STATE = "ray"


class RayRuntime(Runtime):
    """Replicas of the engine ``hf`` behind Ray Serve's own proxy."""

    targets = frozenset({"kubernetes", "local"})
    built_for = HfRuntime.built_for
    config_model = RayConfig
    settings_model = RaySettings
    serves_as = ray_status.SERVICES
    access_rules = (
        AccessRule("ray.io", ("rayservices",), ("get", "list", "watch", "create", "patch", "delete")),
        AccessRule("ray.io", ("rayclusters",), ("get", "list", "watch", "patch")),
    )
    capabilities = replace(HfRuntime.capabilities, scales_itself=True)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings = RaySettings.model_validate(dict(context.settings))
        self._engine = HfRuntime(replace(context, settings={}))

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> RayConfig:
        """Return the options; one about the number of copies is refused with the field that has it."""
        elsewhere = [*written_elsewhere(options)]
        if elsewhere:
            raise InvalidWorkspace(elsewhere)
        config: RayConfig = super().configure(options, files)
        return config

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """A replica of this engine serves from one machine."""
        if fit.nodes > 1:
            return f"a replica serves from one machine, and {preset.name} needs {fit.nodes}"
        return None

    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: RayConfig) -> Launch:
        """Return one Ray Serve on port 5000; the engine's own flags, and those about replicas."""
        # Requests wait in Ray's proxies, so that limit is no flag of the engine.
        of_engine = HfConfig(**{**config.model_dump(include={*HfConfig.model_fields}), "max_queued_requests": None})
        engine = self._engine.launch(preset, fit, adapters, of_engine)
        flags = (*_after_module(engine.main), *scaling_flags(config, fit), "--state", f"$(volume.{STATE})")
        main = replace(
            engine.main,
            image=ROLE,
            argv=(*self._program(fit), *flags),
            env={**engine.main.env, **ENVIRONMENT},
            mounts=(*engine.main.mounts, Mount(volume=STATE, path="/tmp/ray")),  # noqa: S108 - Ray's own default
        )
        return replace(engine, main=main, volumes=(*engine.volumes, Volume(name=STATE)))

    def objects(self, launch: Launch, names: Names) -> Iterable[Mapping[str, Any]]:
        """Return the RayService that runs ``launch``."""
        return rayservice.objects(launch, names)

    def watches(self) -> tuple[Watch, ...]:
        """Return the kinds of the RayService, and of the cluster that KubeRay makes for it."""
        return (ray_status.CLUSTERS, ray_status.SERVICES)

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """Return the state of a RayService, or of its cluster, as KubeRay tells it."""
        return ray_status.status(manifest)

    def correction(self, server: Mapping[str, Any], manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the patch that gives the cluster as many workers as the RayService has."""
        return rayservice.correction(server, manifest)

    def _program(self, fit: Fit) -> tuple[str, ...]:
        here = fit.instance_type.cloud == "local"
        return (self._settings.program,) if here and self._settings.program else ("$(python)", "-m", MODULE)


def _after_module(process: Process) -> tuple[str, ...]:
    return process.argv[process.argv.index("-m") + 2 :]
