"""Making drivers: the class that the registry loads, with its own settings and its context."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from llmwright.errors import PluginError
from llmwright.plugins.configuration import settings_of
from llmwright.plugins.driver_set import KINDS
from llmwright.plugins.drivers import Context, Driver

if TYPE_CHECKING:
    from llmwright.plugins.discovery import Kind
    from llmwright.plugins.drivers import Provisioner, Runtime, Tuner
    from llmwright.plugins.registry import Registry
    from llmwright.settings import Settings
    from llmwright.targets.kubernetes.cluster.api_client import Api


@dataclass(frozen=True)
class InstalledDrivers:
    """The drivers of one registry.

    ``runtime``, ``tuner`` and ``provisioner`` raise PluginError where the driver is missing, doubled or broken, and
    ConfigError where its settings are not what it takes.
    """

    registry: Registry
    settings: Settings

    def runtime(self, name: str) -> Runtime:
        """The runtime of that name."""
        return cast("Runtime", self.driver("runtime", name))

    def tuner(self, name: str) -> Tuner:
        """The tuner of that name."""
        return cast("Tuner", self.driver("tuner", name))

    def provisioner(self, name: str, cluster: Api | None = None) -> Provisioner:
        """The provisioner of that name, which works with ``cluster`` where there is one."""
        return cast("Provisioner", self.driver("provisioner", name, cluster))

    def driver(self, kind: Kind, name: str, cluster: Api | None = None) -> Driver:
        """The driver of that kind and name."""
        driver = self.registry.driver(kind, name)
        own = self.registry.own_name(kind, name, driver)
        settings = settings_of(kind, own, driver, self.settings.plugins.by_kind)
        log = logging.getLogger(f"llmwright.{kind}.{name}")
        return driver(Context(lambda: datetime.now(UTC), settings, cluster, log, name))

    def check_settings(self) -> None:
        """Check all of ``plugins`` in the settings against the drivers of these names, which are imported for it.

        A broken plugin is passed over: it fails where it is used.

        Raises:
            ConfigError: settings that a driver does not take.
        """
        for kind in KINDS:
            for name in self.settings.plugins.by_kind[kind]:
                with suppress(PluginError):
                    self.driver(kind, name)

    def schemas(self) -> Mapping[str, Any]:
        """The JSON schema of each driver's open object, by ``KIND/NAME``; drivers without one are left out."""
        rows = [row for row in self.registry.entries() if row.kind != "hook" and row.state == "found"]
        models = {(row.kind, row.name): self.registry.driver(row.kind, row.name).config_model for row in rows}
        return {f"{kind}/{name}": model.model_json_schema() for (kind, name), model in models.items() if model}
