"""What the provisioner of a scenario does: where pods may run, and the NodeClaim it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelwright.errors import PluginNotFound
from modelwright.plugins.drivers import Context, Provisioner
from modelwright.plugins.registry import Registry
from modelwright.settings.model import Settings
from modelwright.values.nodes import NodeRequest, Placement

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DRIVERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "gpu": ("karpenter", {"mode": "nodeclaim"}),
    "karpenter": ("karpenter", {"mode": "nodepool"}),
    "byo": ("byo", {}),
}
"""Upstream's provisioner to ours and its settings."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The caches of a cluster in which nothing was created yet."""

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def served(self, group: str, plural: str) -> bool:
        """Every kind is served."""
        return True


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
    decision = driver.decide(request, driver.observe(request, Nothing()), NOW)
    bodies = (action.body for action in decision.actions)
    return next((body for body in bodies if body.get("kind") == "NodeClaim"), None)
