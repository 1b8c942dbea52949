"""``python -m modelwright.targets.local NAMESPACE NAME --state DIRECTORY``: the supervisor of one Workspace."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from modelwright.plugins.drivers import Context, Provisioner
from modelwright.plugins.registry import Registry
from modelwright.targets.local.request import Request
from modelwright.targets.local.state import StateDirectory
from modelwright.targets.local.supervisor import supervise


def make_provisioner(name: str, request: Request) -> Provisioner:
    """The driver of that name with the settings that were applied with the Workspace.

    Raises:
        PluginError: it is missing or broken.
    """
    options = request.options
    kind = Registry(blocked=options.blocked_plugins).provisioner(name)
    return kind(Context(clock=lambda: datetime.now(UTC), settings=options.plugins.get(name, {})))


def main(arguments: list[str] | None = None) -> int:
    """Supervise until nothing is left to do."""
    parser = argparse.ArgumentParser(prog="modelwright.targets.local", description=__doc__)
    parser.add_argument("namespace")
    parser.add_argument("name")
    parser.add_argument("--state", type=Path, required=True)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return supervise(StateDirectory(given.state).workspace(given.namespace, given.name), make_provisioner)


if __name__ == "__main__":
    sys.exit(main())
