"""On which nodes: what the user selected, and the provisioner's own labels."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.targets.kubernetes.manifests.render_input import Manifest
from llmwright.values.nodes import unreserved


def affinity(selected: Mapping[str, str], placed: Mapping[str, str] | None = None) -> Manifest | None:
    """One required term; None where nothing is required.

    Args:
        selected: the user's labels, of which reserved ones count for nothing.
        placed: the provisioner's, its own beside the user's; a provisioner with none of its own hands back the user's.
    """
    labels = unreserved(selected)
    if placed is not None and dict(placed) != dict(selected):
        labels |= placed
    if not labels:
        return None
    term = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    required = {"nodeSelectorTerms": [{"matchExpressions": term}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
