"""On which nodes: what the user selected, and the provisioner's own labels."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.targets.kubernetes.manifests.rendering import Manifest

RESERVED = frozenset(
    {
        "kaito.sh/workspace",
        "kaito.sh/ragengine",
        "kaito.sh/workspacenamespace",
        "kaito.sh/ragenginenamespace",
        "karpenter.kaito.sh/workspace-name",
        "karpenter.kaito.sh/workspace-namespace",
        "karpenter.kaito.sh/inferenceset",
        "karpenter.kaito.sh/inferenceset-namespace",
    }
)
"""Labels that only a provisioner sets: a user's selector on them counts for nothing (KAITO v0.12)."""


def affinity(selected: Mapping[str, str], placed: Mapping[str, str] | None = None) -> Manifest | None:
    """One required term; None where nothing is required.

    Args:
        selected: the user's labels, of which reserved ones count for nothing.
        placed: the provisioner's, its own beside the user's; a provisioner with none of its own hands back the user's.
    """
    labels = {key: value for key, value in selected.items() if key not in RESERVED}
    if placed is not None and dict(placed) != dict(selected):
        labels |= placed
    if not labels:
        return None
    term = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    required = {"nodeSelectorTerms": [{"matchExpressions": term}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
