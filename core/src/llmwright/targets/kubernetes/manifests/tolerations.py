"""Taints of GPU nodes that do not keep our pods away; KAITO's lists differ between serving and tuning."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests import devices
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

_SPOT = {
    "key": "kubernetes.azure.com/scalesetpriority",
    "operator": "Equal",
    "value": "spot",
    "effect": "NoSchedule",
}


def serving(rendering: RenderInput) -> list[Manifest]:
    """Of a serving pod."""
    found: list[Manifest] = [
        {"key": devices.GPU, "operator": "Exists", "effect": "NoSchedule"},
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
        *_of_cloud(rendering),
    ]
    resource = devices.resource(rendering)
    if resource != devices.GPU:
        found.append({"key": resource, "operator": "Exists", "effect": "NoSchedule"})
    return _with_provisioners(found, rendering)


def tuning(rendering: RenderInput) -> list[Manifest]:
    """Of a tuning pod."""
    found: list[Manifest] = [
        {"key": "gpu", "operator": "Equal", "effect": "NoSchedule"},
        {"key": "sku", "value": "gpu", "effect": "NoSchedule"},
        *_of_cloud(rendering),
    ]
    return _with_provisioners(found, rendering)


def _of_cloud(rendering: RenderInput) -> list[Manifest]:
    return [dict(_SPOT)] if rendering.settings.cloud == "azure" else []


def _with_provisioners(found: list[Manifest], rendering: RenderInput) -> list[Manifest]:
    return [*found, *(dict(more) for more in rendering.placement.tolerations if dict(more) not in found)]
