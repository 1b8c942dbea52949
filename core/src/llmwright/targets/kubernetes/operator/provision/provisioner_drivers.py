"""The provisioners of this environment, each loaded when it is first named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from llmwright.errors import LLMwrightError, PluginError
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner

log = logging.getLogger(__name__)


class ProvisionerDrivers:
    """Keeps each driver for the life of the operator."""

    def __init__(self, find: Callable[[str], Provisioner]) -> None:
        """``find`` returns the provisioner of a name, with the cluster in its context; raises PluginError."""
        self._find = find
        self._drivers: dict[str, Provisioner] = {}

    def get(self, name: str) -> Provisioner:
        """Return the provisioner of that name.

        Raises:
            PluginError: it is missing or broken, or does not serve clusters.
        """
        driver = self._drivers.get(name)
        if driver is None:
            with driver_call("provisioner", name, "__init__"):
                driver = self._find(name)
            if "kubernetes" not in driver.targets:
                raise PluginError(f"provisioner {name!r} does not serve clusters", reason="WrongTarget")
            self._drivers[name] = driver
        return driver

    def usable(self, names: Iterable[str]) -> Iterator[tuple[str, Provisioner]]:
        """Yield those of ``names`` that serve clusters. A broken one is only told of where a Workspace names it."""
        for name in names:
            try:
                yield name, self.get(name)
            except LLMwrightError as error:
                log.debug("%s: %s", name, error.message)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The names of the provisioners in use."""
        return tuple(sorted(self._drivers))
