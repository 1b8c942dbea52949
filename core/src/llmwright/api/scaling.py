"""The number of copies of a server: ``inference.replicas``, and ``spec.replicas`` for the subresource ``scale``.

Kubernetes lets a ``scale`` subresource point below ``.spec`` alone (its validation of CRDs, 1.34). So two fields hold
one number, and of two changes the later counts.
"""

from __future__ import annotations

from typing import Any

from llmwright.api.workspace import Autoscaling, Workspace

CPU = "cpu"
"""The metric that a cluster knows of every pod (its metrics server measures it), and not by Prometheus."""

MOST_FIELD = "inference.autoscaling.maxReplicas"

TAKEN_FROM = "llmwright.io/replicas"
"""Annotation: the ``inference.replicas`` that ``spec.replicas`` was taken from last. Another is the user's edit."""


def replicas_of(workspace: Workspace) -> int:
    """Return how many copies of the server are asked for: within the range of ``inference.autoscaling``, or none.

    0 stays 0 in any range: by that a HorizontalPodAutoscaler is paused.
    """
    asked, scaling = _asked(workspace), autoscaling_of(workspace)
    if scaling is None or asked == 0:
        return asked
    return min(max(asked, scaling.min_replicas), scaling.max_replicas)


def autoscaling_of(workspace: Workspace) -> Autoscaling | None:
    """Return ``inference.autoscaling``; None without one."""
    return workspace.inference.autoscaling if workspace.inference is not None else None


def most_copies_field(workspace: Workspace) -> str:
    """Return the YAML path of the highest number of copies."""
    return MOST_FIELD if autoscaling_of(workspace) is not None else replicas_field(workspace)


def _asked(workspace: Workspace) -> int:
    written = workspace.inference.replicas if workspace.inference is not None else None
    scaled = workspace.spec.replicas if workspace.spec is not None else None
    if scaled is None:
        return 1 if written is None else written
    return scaled if written is None or _is_taken(workspace, written) else written


def replicas_field(workspace: Workspace) -> str:
    """Return the YAML path of the number that ``replicas_of`` returns."""
    written = workspace.inference.replicas if workspace.inference is not None else None
    scaled = workspace.spec is not None and workspace.spec.replicas is not None
    return "spec.replicas" if scaled and (written is None or _is_taken(workspace, written)) else "inference.replicas"


def scale_patch(workspace: Workspace) -> dict[str, Any]:
    """Return the merge patch by which ``scale`` shows an edit of ``inference.replicas``; empty without one."""
    written = workspace.inference.replicas if workspace.inference is not None else None
    if written is None or _is_taken(workspace, written):
        return {}
    return {"metadata": {"annotations": {TAKEN_FROM: str(written)}}, "spec": {"replicas": written}}


def _is_taken(workspace: Workspace, written: int) -> bool:
    return workspace.metadata.annotations.get(TAKEN_FROM) == str(written)
