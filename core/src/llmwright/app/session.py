"""One session: the settings, and what is made of them when it is first asked for."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.described_models import DescribedModels
    from llmwright.app.drivers import InstalledDrivers
    from llmwright.app.model_client import ModelClient
    from llmwright.app.planner import PlannedWorkspace
    from llmwright.catalogue.catalogue import Catalogue
    from llmwright.plugins.discovery import PluginEntry
    from llmwright.plugins.driver_set import DriverSet
    from llmwright.plugins.registry import Registry
    from llmwright.settings import Settings
    from llmwright.targets.kubernetes.target import ClusterTarget
    from llmwright.targets.local import Change, LocalOptions, LocalTarget
    from llmwright.targets.workspace_target import WorkspaceTarget
    from llmwright.values.plan import Target
    from llmwright.values.preset import Preset
    from llmwright.values.same_place import SamePlace

API_KEY = "LLMWRIGHT_API_KEY"
AS_PLUGIN = "kubectl llmwright"
"""The program's name where kubectl starts it: then Workspaces are those of a cluster."""


@dataclass
class Session:
    """Settings, registry, catalogue, drivers and this machine's target.

    Args:
        settings_file: read instead of the file that the environment or the working directory names.
        blocked: names of plugins not to use, besides those that the settings block.
        preset_dirs: directories with presets of the user's own, before those of the settings.
        overrides: settings by their path (``limits.nodes``), which win over environment and file.
        given_settings: used as they are; nothing is read then.
        chosen_target: where Workspaces live, over the settings' ``target``.
        kubeconfig, context: the cluster; either of them means one.
        program: the words by which the command line was started.
        tell: takes a line about what a command waits for.
    """

    settings_file: str | Path | None = None
    blocked: tuple[str, ...] = ()
    preset_dirs: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    given_settings: Settings | None = None
    chosen_target: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    program: str = "llmwright"
    tell: Callable[[str], None] = lambda _: None

    @cached_property
    def settings(self) -> Settings:
        """Overrides over environment over file over defaults.

        Raises:
            ConfigError: a setting that cannot be used.
        """
        from llmwright import settings

        return self.given_settings or settings.load(self.overrides, os.environ, file=self.settings_file)

    @cached_property
    def blocked_plugins(self) -> tuple[str, ...]:
        """Names of plugins that this session and the settings block."""
        return (*self.blocked, *(self.settings.blocked_plugins if self._settings_written else ()))

    @cached_property
    def allowed_plugins(self) -> tuple[str, ...] | None:
        """The only distributions that the settings allow, None for any."""
        return self.settings.allowed_plugins if self._settings_written else None

    @cached_property
    def _settings_written(self) -> bool:
        # The model of the settings takes longer to import than `plugins list` takes in all.
        from llmwright.settings.locations import anything_written

        return self.given_settings is not None or anything_written(self.overrides, self.settings_file)

    @cached_property
    def found_plugins(self) -> tuple[PluginEntry, ...]:
        """The installed plugins in any state; imports none of them, nor the libraries that would load them."""
        from llmwright.plugins.discovery import discover

        return discover(self.blocked_plugins, allowed=self.allowed_plugins)

    @cached_property
    def registry(self) -> Registry:
        """Loads the installed plugins, less those that are blocked or not allowed."""
        from llmwright.plugins.registry import Registry

        if not self._settings_written:
            return Registry(blocked=self.blocked_plugins)
        plugins = self.settings.plugins
        return Registry(
            blocked=self.blocked_plugins,
            allowed=self.allowed_plugins,
            required=plugins.required,
            settings=plugins.by_kind,
        )

    @cached_property
    def drivers(self) -> InstalledDrivers:
        """Makes drivers of the registry, each with its own settings."""
        from llmwright.app.drivers import InstalledDrivers

        self._check_plugin_names()
        return InstalledDrivers(self.registry, self.settings)

    @cached_property
    def driver_set(self) -> DriverSet:
        """The declarations of the installed drivers, by name and by rank: for choosing among them."""
        from llmwright.plugins.driver_set import DriverSet

        self._check_plugin_names()
        return DriverSet.of_registry(self.registry, self.settings)

    def _check_plugin_names(self) -> None:
        """Refuse settings for a plugin that is not installed: a misspelt name must not be passed over."""
        from llmwright.plugins.configuration import check_names

        check_names(self.settings.plugins.by_kind, self.registry.entries())

    @cached_property
    def catalogue(self) -> Catalogue:
        """Presets and instance types of all installed packs and of the user's own directories."""
        from llmwright.catalogue.catalogue import Catalogue

        written = self.settings.preset_directories if self._settings_written else ()
        directories = [*map(Path, self.preset_dirs), *written]
        return Catalogue.of_plugins(self.registry.hooks(), directories=directories)

    def preset(self, name: str) -> Preset:
        """The preset ``name``: of the catalogue, else as the hub's or a directory's own files describe it.

        Raises:
            ConfigError: neither has it.
            TargetError: the hub cannot be reached.
        """
        from llmwright.catalogue.model_description import can_describe

        if self.catalogue.find_preset(name) is None and can_describe(name):
            return self._described_models.preset(name)
        return self.catalogue.preset(name)

    @cached_property
    def _described_models(self) -> DescribedModels:
        from llmwright.app.described_models import DescribedModels

        return DescribedModels(self.settings.sources.allow)

    @cached_property
    def local_options(self) -> LocalOptions:
        """The settings for processes of this machine."""
        from llmwright.targets.local import LocalOptions

        return replace(LocalOptions.of(self.settings), blocked_plugins=self.blocked_plugins)

    @property
    def wants_api_key(self) -> bool:
        """Whether servers of this machine are to answer no request without the key of this environment."""
        return bool(self.api_key)

    @property
    def api_key(self) -> str | None:
        """The key of this environment, for servers here and elsewhere; None for none."""
        return os.environ.get(API_KEY)

    @property
    def on_cluster(self) -> bool:
        """Whether Workspaces are looked for on a cluster."""
        if self.chosen_target is None and (self.kubeconfig or self.context):
            return True
        return (self.chosen_target or self.settings.target) == "kubernetes"

    @property
    def planned_target(self) -> Target:
        """Where Workspaces that are only checked, planned or rendered would be carried out."""
        return "kubernetes" if self.on_cluster else "local"

    @cached_property
    def target(self) -> WorkspaceTarget:
        """The place where Workspaces live: this machine, or a cluster.

        Raises:
            ConfigError: it is a cluster, and none is configured that can be used.
        """
        return self.cluster_target if self.on_cluster else self.local_target

    @cached_property
    def cluster_target(self) -> ClusterTarget:
        """The cluster that the options and the environment name."""
        from llmwright.targets.kubernetes.target import ClusterTarget

        return ClusterTarget(self.kubeconfig, self.context, self.tell, self.written_place)

    @property
    def written_place(self) -> SamePlace:
        """The command line of this session, without the options that name a cluster."""
        from llmwright.values.same_place import SamePlace

        file = f" --settings {shlex.quote(str(self.settings_file))}" if self.settings_file else ""
        # As a plugin of kubectl it means a cluster.
        goes_without_saying = self.program == AS_PLUGIN and self.on_cluster
        return SamePlace(f"{self.program}{file}", "" if goes_without_saying else self.chosen_target or "")

    @property
    def same_place(self) -> SamePlace:
        """For the commands that messages propose: with them their reader acts where this session does."""
        return self.cluster_target.same_place if self.on_cluster else self.written_place

    @property
    def this_machine(self) -> SamePlace:
        """As ``same_place`` for Workspaces of this machine, whatever the settings say."""
        return replace(self.written_place, target="local") if self.on_cluster else self.written_place

    @property
    def cluster_namespace(self) -> str:
        """The namespace of the kubeconfig's context; no client is needed for it."""
        from llmwright.targets.kubernetes.cluster.kubeconfig import own_namespace

        try:
            return own_namespace(self.kubeconfig, self.context)
        except ConfigError:
            return "default"

    @cached_property
    def local_target(self) -> LocalTarget:
        """This machine."""
        from llmwright.targets.local import LocalTarget

        return LocalTarget(self.settings.state_directory, self.local_options, self.this_machine)

    def current(self, workspace: Workspace) -> Workspace | None:
        """The Workspace that this machine holds under the name of ``workspace``, None where it holds none."""
        from llmwright.errors import TargetError

        try:
            return self.local_target.get(workspace.namespace, workspace.name)
        except TargetError as error:
            if error.reason != "NotFound":
                raise
            return None

    def apply(self, planned: PlannedWorkspace) -> Change:
        """Have this machine carry it out; returns at once."""
        return self.local_target.apply(
            planned.workspace,
            planned.plan,
            base_directory=planned.base_directory,
            config_files=planned.config_files,
        )

    @contextmanager
    def endpoint(self, workspace: Workspace) -> Iterator[str]:
        """Give the URL at which a Workspace answers from here; on a cluster a port of this machine leads there.

        Raises:
            NotYet: it does not answer yet.
            ConfigError, TargetError: it cannot be reached.
        """
        from llmwright.app.model_client import endpoint_of

        url = endpoint_of(workspace, self.same_place)
        if not self.on_cluster:
            yield url
            return
        from llmwright.app.port_forward import PortForward

        with PortForward(workspace.namespace, workspace.name, self.kubeconfig, self.context, self.tell) as forwarded:
            yield forwarded

    def model_client(self, url: str, hint: str = "") -> ModelClient:
        """A client of the model that answers at ``url``, with the API key of the environment.

        ``hint`` says where to look once it answers no more.
        """
        from llmwright.app.model_client import ModelClient

        return ModelClient(url, self.api_key, hint=hint)
