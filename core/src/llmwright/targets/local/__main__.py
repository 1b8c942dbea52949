"""``python -m llmwright.targets.local NAMESPACE NAME --state DIRECTORY``: the supervisor of one Workspace."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.plugins.registry import Registry
from llmwright.targets.local.launch.context import PRIVATE
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.state_directory import StateDirectory
from llmwright.targets.local.supervisor.loop import supervise

log = logging.getLogger(__name__)


class InstalledPlugins:
    """The plugins of this environment, less those that the recorded options block or do not allow."""

    def __init__(self, applied: AppliedWorkspace) -> None:
        options = applied.options
        self._settings = options.plugins
        self._registry = Registry(options.blocked_plugins, allowed=options.allowed_plugins, settings=options.plugins)

    def provisioner(self, name: str) -> Provisioner:
        """Return the driver of that name with its settings.

        Raises:
            PluginError: it is missing or broken.
        """
        driver = self._registry.provisioner(name)
        own = self._registry.own_name("provisioner", name, driver)
        settings = self._settings.get("provisioner", {}).get(own, {})
        return driver(Context(clock=lambda: datetime.now(UTC), settings=settings, name=name))

    def status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """Notify every observer; an exception of one goes to the log, as do settings that one does not take today."""
        try:
            hooks = self._registry.hooks()
        except ConfigError as error:
            log.error("no observer is notified: %s", error.message)
            return
        hooks.notify("status_changed", workspace=workspace, old=old, new=new)


def main(arguments: list[str] | None = None) -> int:
    """Supervise until nothing is left to do; return the exit code."""
    parser = argparse.ArgumentParser(prog="llmwright.targets.local", description=__doc__)
    parser.add_argument("namespace")
    parser.add_argument("name")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--lock", type=int, metavar="HANDLE", help="the supervisor's lock, inherited")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    store = StateDirectory(parsed.state).workspace(parsed.namespace, parsed.name)
    # Logs, data and weights are for the user alone; only what goes into the user's own directories follows the user.
    users_umask = os.umask(PRIVATE)
    return supervise(store, InstalledPlugins, parsed.lock, users_umask)


if __name__ == "__main__":
    sys.exit(main())
