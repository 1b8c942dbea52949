"""The differences of ``v1alpha1`` and ``v1beta1``: fields that the older lacks, and defaults of its CRD.

Upstream v0.12. LLMwright's own additions are in both versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.workspace import PresetSpec, Workspace

V1ALPHA1 = "kaito.sh/v1alpha1"
V1BETA1 = "kaito.sh/v1beta1"
API_VERSIONS = (V1ALPHA1, V1BETA1)
"""Oldest first; the last is stored."""

V1ALPHA1_INSTANCE_TYPE = "Standard_NC24ads_A100_v4"

ABSENT: Mapping[str, frozenset[tuple[str, ...]]] = {
    V1ALPHA1: frozenset(
        (
            ("resource", "partition"),
            ("inference", "preset", "presetOptions", "modelAccessSecret"),
            ("tuning", "preset", "presetOptions", "modelAccessSecret"),
            ("status", "state"),
            ("status", "targetNodeCount"),
            ("status", "performance"),
        )
    ),
    V1BETA1: frozenset(),
}
"""The fields that a version lacks, as paths from the root."""


def absent_fields(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the fields that ``data`` uses although its ``apiVersion`` lacks them. The status is not checked."""
    paths = ABSENT.get(str(data.get("apiVersion")), frozenset())
    return sorted(path for path in paths if path[0] != "status" and _has(data, path))


def _has(data: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def with_defaults(workspace: Workspace) -> Workspace:
    """Return ``workspace`` with the defaults that the API server sets from its version's CRD."""
    resource = workspace.resource
    update: dict[str, Any] = {}
    if resource.count is None:
        update["count"] = 1
    if workspace.api_version == V1ALPHA1 and not resource.instance_type:
        update["instance_type"] = V1ALPHA1_INSTANCE_TYPE
    return workspace.model_copy(update={"resource": resource.model_copy(update=update)}) if update else workspace


def with_type(workspace: Workspace) -> Workspace:
    """Return ``workspace`` with the instance type that its version's CRD sets where none is written."""
    if workspace.api_version != V1ALPHA1 or workspace.resource.instance_type:
        return workspace
    resource = workspace.resource.model_copy(update={"instance_type": V1ALPHA1_INSTANCE_TYPE})
    return workspace.model_copy(update={"resource": resource})


def presets_of(workspace: Workspace) -> tuple[tuple[str, PresetSpec], ...]:
    """Return the presets that the Workspace names, each with its YAML path."""
    parts = (("inference.preset", workspace.inference), ("tuning.preset", workspace.tuning))
    return tuple((path, part.preset) for path, part in parts if part is not None and part.preset is not None)
