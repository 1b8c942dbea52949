"""The input of a Plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmwright.api.workspace import PresetSpec, Workspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target
from llmwright.values.preset import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """A Workspace, its preset, the machine it is judged against, and the drivers that may be chosen.

    ``config_files`` holds file contents by file name for each config by name, as a ConfigMap's data. ``single_device``
    says that ``machine`` is a slice of a GPU. ``settled_nodes`` is the number of machines of an earlier decision, for
    all copies. ``api_key`` says that requests must carry a key. ``data_names`` are the paths of the files below the
    data set's directory, None where they are not known. ``adapter_ranks`` are known ranks of adapters by name.
    """

    workspace: Workspace
    preset: Preset
    machine: InstanceType
    drivers: DriverSet
    settings: Settings
    target: Target
    config_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    single_device: bool = False
    settled_nodes: int | None = None
    api_key: bool = False
    data_names: tuple[str, ...] | None = None
    adapter_ranks: Mapping[str, int] = field(default_factory=dict)

    @property
    def on_success(self) -> Literal["serve", "release"]:
        """Whether the result is served after tuning, or the machine released."""
        tuning = self.workspace.tuning
        return (tuning.on_success if tuning else None) or self.settings.on_success

    @property
    def names_machine(self) -> bool:
        """Whether an instance type is named that another could replace."""
        return self.target == "kubernetes" and bool(
            self.workspace.resource.instance_type or self.settings.instance_type
        )

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
