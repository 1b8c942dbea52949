"""From a Plan to Kubernetes objects, as plain dicts; pure.

Names, labels and fields are KAITO's (v0.12), so that whoever watches its objects finds ours. One file per subject;
``objects`` puts them together. Nothing here asks a cluster; what provisioners create is theirs to render, and only
asked for here.
"""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.manifests_hook import complete, reviewed
from llmwright.targets.kubernetes.manifests.provisioner_objects import node_objects
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.workspace_objects import (
    Manifests,
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
    "complete",
    "node_objects",
    "preflight_objects",
    "reviewed",
    "role_objects",
    "serving_objects",
    "template_objects",
    "tuning_objects",
]
