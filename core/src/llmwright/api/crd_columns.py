"""The columns that ``kubectl get workspace`` prints."""

from __future__ import annotations

from typing import Any

Column = dict[str, Any]


def _condition(name: str, kind: str, description: str, priority: int = 0) -> Column:
    path = f'.status.conditions[?(@.type=="{kind}")].status'
    return _column(name, "string", path, description, priority)


def _column(name: str, kind: str, path: str, description: str, priority: int = 0) -> Column:
    column: Column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": priority} if priority else column


def printer_columns(version: str) -> list[Column]:
    """Return the columns of ``v1alpha1`` or ``v1beta1``: first the usual ones, then KAITO's others (``-o wide``)."""
    columns = [
        _column("Instance", "string", ".resource.instanceType", "The machine's type."),
        _condition("ResourceReady", "ResourceReady", "Whether the nodes are there."),
        _condition("InferenceReady", "InferenceReady", "Whether the endpoint answers."),
        _condition("WorkspaceReady", "WorkspaceReady", "Whether the Workspace can be used."),
        _column("Age", "date", ".metadata.creationTimestamp", "How long the Workspace has been there."),
        _condition("JobStarted", "JobStarted", "Whether tuning has started.", 1),
        _condition("WorkspaceSucceeded", "WorkspaceSucceeded", "Whether what was asked for was reached.", 1),
    ]
    if version == "v1beta1":
        nodes = ".status.targetNodeCount"
        columns.append(_column("TargetNodeCount", "integer", nodes, "How many nodes it runs on.", 1))
    return [*columns, _column("State", "string", ".status.state", "The state in one word.", 1)]
