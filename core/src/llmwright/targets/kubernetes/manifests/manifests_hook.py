"""The hook ``manifests``: plugins may change the rendered objects before they are applied."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.errors import PluginContract
from llmwright.lifecycle.observed import Role
from llmwright.plugins.hooks import Hooks
from llmwright.targets.kubernetes.manifests.object_metadata import (
    ROLE,
    Identity,
    adopted,
    identity,
    role_of,
    with_annotations,
)
from llmwright.targets.kubernetes.manifests.render_input import Manifest, Manifests, RenderInput
from llmwright.values.plan import Plan

WORKLOADS = frozenset({"Job", "StatefulSet"})
ORIGIN = "a plugin's hook manifests"


def run_manifests_hook(
    hooks: Hooks, source: RenderInput, plan: Plan | None, objects: Manifests, role: Role = "serving"
) -> Manifests:
    """Return the objects of one role as the plugins leave them, each with the Workspace as owner.

    An object that a plugin adds carries the annotation ``ROLE``: by it the operator knows the object again, and deletes
    it together with the role. Workloads come last: if the API server refuses an added object, nothing has started yet.

    Raises:
        PluginContract: a plugin failed, returned something that is no object, or took a workload away.
    """
    revised = hooks.revise("manifests", "objects", objects, items=Mapping, workspace=source.workspace, plan=plan)
    core = {identity(manifest) for manifest in objects if role_of(manifest) is None}
    kept = tuple(_with_role(adopted(source, manifest, ORIGIN), core, role) for manifest in revised)
    workloads = {identity(manifest) for manifest in objects if _is_workload(manifest, objects)}
    missing = workloads - {identity(manifest) for manifest in kept}
    if missing:
        taken = ", ".join(f"{kind} {name}" for _, kind, name in sorted(missing))
        raise PluginContract(f"{ORIGIN} took away {taken}", hint="let it return every workload")
    return tuple(sorted(kept, key=lambda manifest: identity(manifest) in workloads))


def _with_role(manifest: Manifest, core: set[Identity], role: Role) -> Manifest:
    return manifest if identity(manifest) in core else with_annotations(manifest, {ROLE: role})


def _is_workload(manifest: Manifest, objects: Manifests) -> bool:
    """Return whether it runs pods of the role: the last of ``objects`` always does."""
    return manifest is objects[-1] or (manifest["kind"] in WORKLOADS and role_of(manifest) is None)
