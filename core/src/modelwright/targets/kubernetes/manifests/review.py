"""The last look at what was rendered, by whoever answers the hook ``manifests``."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from modelwright.errors import PluginContract
from modelwright.plugins.hooks import Hooks
from modelwright.targets.kubernetes.manifests.metadata import metadata
from modelwright.targets.kubernetes.manifests.rendering import Manifest, Rendering
from modelwright.values.plan import Plan

WORKLOADS = frozenset({"Job", "StatefulSet"})
APPLIED = {"Job": "batch/v1", "StatefulSet": "apps/v1", "Service": "v1"}
"""What the operator has the right to write and watches, with its apiVersion."""


def reviewed(
    hooks: Hooks, rendering: Rendering, plan: Plan | None, objects: tuple[Manifest, ...]
) -> tuple[Manifest, ...]:
    """``objects`` as the hooks leave them, each still the Workspace's own.

    Raises:
        PluginContract: a plugin failed, answered with what is no object of a kind that is applied, or took the
            workload away.
    """
    given = deepcopy(objects)
    found = hooks.revise("manifests", "objects", given, items=Mapping, workspace=rendering.workspace, plan=plan)
    kept = tuple(_owned(rendering, dict(one)) for one in found)
    missing = {_name(one) for one in objects if one["kind"] in WORKLOADS} - {_name(one) for one in kept}
    if missing:
        taken = ", ".join(f"{kind} {name}" for kind, name in sorted(missing))
        raise PluginContract(f"a plugin's hook manifests took away {taken}", hint="let it return every workload")
    return kept


def _owned(rendering: Rendering, found: Manifest) -> Manifest:
    """``found`` with our label and owner, whatever a plugin wrote there."""
    about = found.get("metadata")
    if not (found.get("apiVersion") and found.get("kind") and isinstance(about, Mapping) and about.get("name")):
        hint = "an object has apiVersion, kind and metadata.name"
        raise PluginContract("a plugin's hook manifests answered with what is no Kubernetes object", hint=hint)
    kind = str(found["kind"])
    if APPLIED.get(kind) != found["apiVersion"]:
        hint = f"kinds that are applied: {', '.join(sorted(APPLIED))}; apply others beside the Workspace"
        raise PluginContract(f"a plugin's hook manifests added {kind} ({found['apiVersion']})", hint=hint)
    own = metadata(rendering, str(about["name"]))
    return {**found, "metadata": {**about, **own, "labels": {**(about.get("labels") or {}), **own["labels"]}}}


def _name(found: Manifest) -> tuple[str, str]:
    return str(found["kind"]), str(found["metadata"]["name"])
