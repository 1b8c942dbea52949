"""What one invocation works with, each part made when first asked for."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.model_client import Endpoint
    from llmwright.app.preparation import Preparation, Prepared
    from llmwright.catalogue.catalogue import Catalogue
    from llmwright.check.environment import Environment
    from llmwright.plugins.discovery import Found, Kind
    from llmwright.plugins.drivers import Driver
    from llmwright.plugins.registry import Registry
    from llmwright.settings import Settings
    from llmwright.targets.kubernetes.cluster.api_client import Api
    from llmwright.targets.local import Change, LocalOptions, LocalTarget
    from llmwright.values.plan import Target
    from llmwright.values.preset import Preset

API_KEY = "LLMWRIGHT_API_KEY"


@dataclass
class Session:
    """The global options, and from them settings, registry, catalogue and target."""

    settings_file: str | None = None
    blocked: tuple[str, ...] = ()
    preset_dirs: tuple[str, ...] = ()
    verbose: bool = False
    flags: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """Flags over environment over file over defaults."""
        from llmwright import settings

        return settings.load(self.flags, os.environ, file=self.settings_file)

    @cached_property
    def blocked_plugins(self) -> tuple[str, ...]:
        """What ``--no-plugin`` and the settings block."""
        return (*self.blocked, *(self.settings.blocked_plugins if self._settings_written else ()))

    @cached_property
    def allowed_plugins(self) -> tuple[str, ...] | None:
        """The only distributions that the settings allow, None for any."""
        return self.settings.allowed_plugins if self._settings_written else None

    @cached_property
    def _settings_written(self) -> bool:
        # The model of the settings takes longer to import than `plugins list` takes in all.
        from llmwright.settings.locations import anything_written

        return anything_written(self.flags, self.settings_file)

    @cached_property
    def found_plugins(self) -> tuple[Found, ...]:
        """The installed plugins, in whatever state; imports none of them, nor what would load them."""
        from llmwright.plugins.discovery import discover

        return discover(self.blocked_plugins, allowed=self.allowed_plugins)

    @cached_property
    def registry(self) -> Registry:
        """Loads the installed plugins, less those that are blocked or not allowed."""
        from llmwright.plugins.registry import Registry

        return Registry(blocked=self.blocked_plugins, allowed=self.allowed_plugins)

    @cached_property
    def catalogue(self) -> Catalogue:
        """Presets and instance types of all installed packs and of the user's own directories."""
        from pathlib import Path

        from llmwright.catalogue.catalogue import Catalogue

        written = self.settings.preset_directories if self._settings_written else ()
        directories = [*map(Path, self.preset_dirs), *written]
        return Catalogue.of_plugins(self.registry.hooks(), directories=directories)

    def preset(self, name: str) -> Preset:
        """The preset ``name``: of the catalogue, else as the hub's or a directory's own files describe it.

        Raises:
            ConfigError: neither.
            TargetError: the hub cannot be reached.
        """
        from llmwright.catalogue.model_description import can_describe, describe

        if self.catalogue.find_preset(name) is None and can_describe(name):
            return describe(name)
        return self.catalogue.preset(name)

    def driver(self, kind: Kind, name: str, *, cluster: Api | None = None) -> Driver:
        """One driver, with its own settings, and the cluster where it is to work with one.

        Raises:
            PluginError: it is missing, doubled or broken.
            ConfigError: its settings are not what it takes.
        """
        from llmwright.plugins.configuration import settings_of
        from llmwright.plugins.drivers import Context

        driver = self.registry.driver(kind, name)
        settings = settings_of(driver, name, self.settings.plugins)
        log = logging.getLogger(f"llmwright.{kind}.{name}")
        return driver(Context(lambda: datetime.now(UTC), settings, cluster, log))

    def check_plugin_settings(self) -> None:
        """Hold all of ``plugins`` in the settings against the drivers of these names, which are imported for it.

        One that is broken says so where it is used; a name that nothing installed answers to costs a line.

        Raises:
            ConfigError: settings that a driver does not take.
        """
        from llmwright.errors import PluginError

        for name in self.settings.plugins:
            kinds = [row.kind for row in self.registry.found() if (row.name, row.state) == (name, "found")]
            for kind in kinds:
                if kind != "hook":
                    with suppress(PluginError):
                        self.driver(kind, name)
            if not kinds:
                print(f"note: settings: plugins.{name}: nothing installed has that name", file=sys.stderr)

    def driver_schemas(self) -> Mapping[str, Any]:
        """The JSON schema of each installed driver's open object, by kind and name."""
        rows = [row for row in self.found_plugins if row.kind != "hook" and row.state == "found"]
        models = {(row.kind, row.name): self.registry.driver(row.kind, row.name).config_model for row in rows}
        return {f"{kind}/{name}": model.model_json_schema() for (kind, name), model in models.items() if model}

    @cached_property
    def local_options(self) -> LocalOptions:
        """What the settings say about processes of this machine."""
        from llmwright.targets.local import LocalOptions

        return replace(LocalOptions.of(self.settings), blocked_plugins=self.blocked_plugins)

    @cached_property
    def target(self) -> LocalTarget:
        """This machine."""
        from llmwright.targets.local import LocalTarget

        return LocalTarget(self.settings.state_directory, self.local_options)

    def repair(self) -> None:
        """Take up Workspaces whose supervisor was killed, and say so."""
        for namespace, name in self.target.repair():
            print(f"note: {namespace}/{name} had lost its supervisor and was taken up again", file=sys.stderr)

    def current(self, workspace: Workspace) -> Workspace | None:
        """What stands under the name of ``workspace`` now, None where nothing does."""
        from llmwright.errors import TargetError

        try:
            return self.target.get(workspace.namespace, workspace.name)
        except TargetError as error:
            if error.reason != "NotFound":
                raise
            return None

    def endpoint(self, url: str) -> Endpoint:
        """``url`` with the key of the environment."""
        from llmwright.app.model_client import Endpoint

        return Endpoint(url, os.environ.get(API_KEY))

    def preparation(
        self,
        target: Target = "local",
        config_dir: str | None = None,
        *,
        buying: bool = False,
        environment: Environment | None = None,
    ) -> Preparation:
        """What checks and plans Workspaces for ``target``."""
        from llmwright.app.preparation import Preparation

        return Preparation(self, target, config_dir, buying=buying, environment=environment)

    def apply(self, prepared: Prepared) -> Change:
        """Have the target carry it out."""
        return self.target.apply(
            prepared.workspace, prepared.plan, base_directory=prepared.base, config_files=prepared.config_files
        )
