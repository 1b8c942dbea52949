"""From a Plan to Kubernetes objects, as plain dicts; pure.

Names, labels and fields are KAITO's (v0.12), so that programs which watch KAITO's objects find ours.
``workspace_objects`` puts together what the other modules render, one module per subject. Nothing here asks a cluster.
The objects of a provisioner are rendered by its driver, and only called for here (``provisioner_objects``).
"""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.manifests_hook import run_manifests_hook
from llmwright.targets.kubernetes.manifests.provisioner_objects import node_objects
from llmwright.targets.kubernetes.manifests.render_input import Manifest, Manifests, RenderInput
from llmwright.targets.kubernetes.manifests.workspace_objects import (
    all_objects,
    preflight_objects,
    role_objects,
    serving_objects,
    template_objects,
    tuning_objects,
)

__all__ = [
    "Manifest",
    "Manifests",
    "RenderInput",
    "all_objects",
    "node_objects",
    "preflight_objects",
    "role_objects",
    "run_manifests_hook",
    "serving_objects",
    "template_objects",
    "tuning_objects",
]
