"""All that a Plan is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from llmwright.api.workspace import PresetSpec, Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.configuration import settings_of
from llmwright.plugins.drivers import Context, Driver, Runtime, Tuner
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target
from llmwright.values.preset import Preset

if TYPE_CHECKING:
    from llmwright.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class Drivers:
    """Looks drivers up by the name that a user wrote.

    Both raise PluginError where no plugin answers, two do, or the one that does is broken, and ConfigError where its
    settings are not what it takes.
    """

    runtime: Callable[[str], Runtime]
    tuner: Callable[[str], Tuner]

    @classmethod
    def of_registry(cls, registry: Registry, settings: Settings) -> Drivers:
        """The installed drivers, each with its own settings."""

        def context(driver: type[Driver], name: str) -> Context:
            return Context(clock=lambda: datetime.now(UTC), settings=settings_of(driver, name, settings.plugins))

        def runtime(name: str) -> Runtime:
            found = registry.runtime(name)
            return found(context(found, name))

        def tuner(name: str) -> Tuner:
            found = registry.tuner(name)
            return found(context(found, name))

        return cls(runtime=runtime, tuner=tuner)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """A Workspace, its preset, the machine it is judged against, and who may be asked.

    ``config_files`` holds file contents by file name for each config by name, as a ConfigMap's data. ``single_device``
    says that ``machine`` is a slice of a GPU. ``settled_nodes`` is a number of machines that was decided before.
    """

    workspace: Workspace
    preset: Preset
    machine: InstanceType
    drivers: Drivers
    settings: Settings
    target: Target
    catalogue: Catalogue
    config_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    single_device: bool = False
    settled_nodes: int | None = None

    @property
    def on_success(self) -> Literal["serve", "release"]:
        """What happens after tuning."""
        tuning = self.workspace.tuning
        return (tuning.on_success if tuning else None) or self.settings.on_success

    @property
    def access_secret(self) -> str:
        """Name of the secret with the model hub's token, empty without one."""
        spec = self.workspace.preset
        return spec.preset_options.model_access_secret if spec else ""

    @property
    def model_secrets(self) -> tuple[str, ...]:
        """Names of the registry secrets that a private preset's image takes."""
        spec = self.workspace.preset
        return tuple(spec.preset_options.image_pull_secrets) if spec else ()

    def files(self, config: str) -> Mapping[str, str]:
        """The files of the config named ``config``; none for no name, and where its files are not known."""
        return self.config_files.get(config, {}) if config else {}


def preset_spec(workspace: Workspace) -> PresetSpec | None:
    """The preset that is named, None for a template or nothing."""
    spec = workspace.preset
    return spec if spec is not None and spec.name else None
