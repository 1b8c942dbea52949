"""What the provisioner of a scenario does: where pods may run, and the NodeClaim it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import PluginNotFound
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import node_objects
from llmwright.values.nodes import NodeRequest, Placement

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DRIVERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "gpu": ("karpenter", {"mode": "nodeclaim"}),
    "karpenter": ("karpenter", {"mode": "nodepool"}),
    "byo": ("byo", {}),
}
"""Upstream's provisioner to ours and its settings."""


def name_of(provisioner: str) -> str:
    """Our driver's name for upstream's ``provisioner``."""
    return DRIVERS[provisioner][0]


def driver_of(registry: Registry, provisioner: str, settings: Settings) -> Provisioner | None:
    """Our driver for upstream's ``provisioner``, None where it is not installed."""
    name, own = DRIVERS[provisioner]
    context = Context(clock=lambda: NOW, settings={**own, "cloud": settings.cloud})
    try:
        return registry.provisioner(name)(context)
    except PluginNotFound:
        return None


def placement_of(driver: Provisioner | None, request: NodeRequest) -> Placement:
    """Where pods may run; the user's own labels without a driver."""
    return driver.placement(request) if driver else Placement(selector=request.selector)


def claim_of(driver: Provisioner | None, request: NodeRequest) -> Mapping[str, Any] | None:
    """The first NodeClaim that is asked for, None where none is."""
    if driver is None:
        return None
    return next((one for one in node_objects(driver, request, NOW) if one["kind"] == "NodeClaim"), None)
