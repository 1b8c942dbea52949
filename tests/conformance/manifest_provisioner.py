"""The provisioner of a scenario: where pods may run, and the NodeClaim that it creates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import PluginNotFound
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.plugins.registry import Registry
from llmwright.settings.model import PluginSettings, Settings
from llmwright.targets.kubernetes.manifests import node_objects
from llmwright.values.nodes import NodeRequest, Placement

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DRIVERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "gpu": ("karpenter", {"mode": "nodeclaim"}),
    "karpenter": ("karpenter", {"mode": "nodepool"}),
    "byo": ("byo", {}),
}
"""Upstream's provisioner to our driver and its settings."""


def name_of(provisioner: str) -> str:
    """Return the name of our driver for upstream's ``provisioner``."""
    return DRIVERS[provisioner][0]


def plugins_of(provisioner: str) -> PluginSettings:
    """Return the settings ``plugins`` of upstream's ``provisioner``."""
    name, own = DRIVERS[provisioner]
    return PluginSettings(provisioner={name: own} if own else {})


def driver_of(registry: Registry, provisioner: str, settings: Settings) -> Provisioner | None:
    """Return our driver for upstream's ``provisioner``; None where it is not installed."""
    name, own = DRIVERS[provisioner]
    context = Context(clock=lambda: NOW, settings={**own, "cloud": settings.cloud})
    try:
        return registry.provisioner(name)(context)
    except PluginNotFound:
        return None


def placement_of(driver: Provisioner | None, request: NodeRequest) -> Placement:
    """Return where pods may run; without a driver, by the user's labels."""
    return driver.placement(request) if driver else Placement(selector=request.selector)


def claim_of(driver: Provisioner | None, request: NodeRequest) -> Mapping[str, Any] | None:
    """Return the first NodeClaim that the driver creates; None where it creates none."""
    if driver is None:
        return None
    objects = node_objects(driver, request, NOW)
    return next((manifest for manifest in objects if manifest["kind"] == "NodeClaim"), None)
