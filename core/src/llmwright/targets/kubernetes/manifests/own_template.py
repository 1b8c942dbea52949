"""``inference.template``: the user's own pod, on the nodes that were bought for it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from llmwright.targets.kubernetes.manifests import tolerations
from llmwright.targets.kubernetes.manifests.affinity import affinity
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL, metadata
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput


def template_statefulset(rendering: RenderInput, written: dict[str, Any], nodes: int) -> Manifest:
    """``written`` with our label, place and tolerations; created once and never changed (KAITO v0.12)."""
    pod, label = deepcopy(written), {WORKSPACE_LABEL: rendering.name}
    about = pod.get("metadata") or {}
    pod["metadata"] = {**about, "labels": {**(about.get("labels") or {}), **label}}
    pod["spec"] = _placed(pod.get("spec") or {}, rendering)
    spec = {
        "replicas": nodes,
        "selector": {"matchLabels": label},
        "template": pod,
    }
    owned = metadata(rendering, rendering.name)
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": owned, "spec": spec}


def _placed(spec: dict[str, Any], rendering: RenderInput) -> dict[str, Any]:
    selected = rendering.workspace.resource.label_selector
    place = affinity(selected.match_labels if selected else {}, rendering.placement.selector)
    found = {key: value for key, value in spec.items() if key != "affinity"}
    found["tolerations"] = [*(spec.get("tolerations") or []), *tolerations.serving(rendering)]
    return {**found, "affinity": place} if place else found
